"""Precision and recall of a rule on what people labelled."""

from __future__ import annotations

import pytest

from dashboard.queries.rule_labels import about, opinion, quality
from workbench.people import Label


def said(item: str, rater: str, label: str) -> Label:
    return Label("crawl", item, about("a.b"), rater, label)


def test_most_raters_decide_and_a_split_counts_for_neither() -> None:
    found = opinion(
        [
            said("x", "ann", "good"),
            said("x", "ben", "good"),
            said("x", "cem", "bad"),
            said("y", "ann", "good"),
            said("y", "ben", "bad"),
            said("z", "ann", "bad"),
            said("w", "ann", "something else"),
        ]
    )
    assert found.labels == {"x": "good", "z": "bad"}
    assert found.split == 1


def test_precision_and_recall_with_their_intervals() -> None:
    labels = {"a": "bad", "b": "bad", "c": "good", "d": "bad", "e": "good"}
    found = quality(labels, {"a": True, "b": True, "c": True, "d": False, "e": False})
    assert found.precision is not None and found.recall is not None
    assert (found.precision.value, found.precision.n) == (pytest.approx(2 / 3), 3)
    # statsmodels.stats.proportion.proportion_confint(2, 3, method="wilson")
    assert (found.precision.low, found.precision.high) == (pytest.approx(0.20765960), pytest.approx(0.93850806))
    assert found.recall == found.precision


def test_nothing_is_said_about_nothing() -> None:
    assert quality({}, {}) == (None, None)
    found = quality({"a": "good"}, {"a": True})
    assert found.precision is not None and found.precision.value == 0
    assert found.recall is None
