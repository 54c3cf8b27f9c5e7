"""Scoring a run against the planted truth."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from curate.sample.planted import Truth
from curate.sample.score import Miss, score

PAGE = Truth("", "page", "f", 0, "u", "article", "original", "en", "utf-8", "kept")
SPAM = replace(PAGE, key="spam", kind="gambling", state="dropped", rules=("lexicon", "gopher"))


def decisions(*rows: tuple[str, int, str, str | None]) -> pl.DataFrame:
    schema = {"id": pl.String, "row": pl.Int64, "state": pl.String, "rule": pl.String}
    return pl.DataFrame(rows, schema, orient="row")


def test_a_run_that_is_right_has_no_misses() -> None:
    truths = [replace(PAGE, id="a"), replace(SPAM, id="b"), replace(PAGE, id="c", state="any")]
    scored = score(
        decisions(("a", 0, "kept", None), ("b", 1, "dropped", "gopher.top_2_gram"), ("c", 2, "failed", None)), truths
    )
    assert (scored.misses, scored.extra) == ([], [])
    assert scored.confusion == {
        ("article", "any", "failed"): 1,
        ("article", "kept", "kept"): 1,
        ("gambling", "dropped", "dropped"): 1,
    }


def test_the_wrong_state_the_wrong_rule_and_a_missing_row_are_misses() -> None:
    truths = [replace(PAGE, id="a", row=1), replace(SPAM, id="b", row=2), replace(PAGE, id="c", row=3)]
    scored = score(
        decisions(("a", 1, "dropped", "c4.lorem"), ("b", 2, "dropped", "read.status"), ("x", 9, "kept", None)), truths
    )
    assert scored.misses == [
        Miss("page", "article", "u", "kept", "dropped", "c4.lorem"),
        Miss("spam", "gambling", "u", "dropped by lexicon gopher", "dropped", "read.status"),
        Miss("page", "article", "u", "kept", None, None),
    ]
    assert scored.extra == ["x"]


def test_records_with_the_same_id_are_told_apart_by_their_place() -> None:
    repeat = replace(PAGE, id="a", row=70, key="repeat", state="dropped", rules=("read.same_record",))
    rows = decisions(("a", 70, "dropped", "read.same_record"), ("a", 5, "kept", None))
    assert score(rows, [repeat, replace(PAGE, id="a", row=5)]).misses == []
