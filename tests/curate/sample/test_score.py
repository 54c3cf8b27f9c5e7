"""Scoring a run against the planted truth."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from curate.sample.planted import Truth
from curate.sample.score import Miss, score

PAGE = Truth("", "page", "f", 0, "u", "article", "original", "en", "utf-8", "kept")
SPAM = replace(PAGE, key="spam", kind="gambling", state="dropped", rules=("lexicon", "gopher"))


def decisions(*rows: tuple[str, int, str, str | None] | tuple[str, int, str, str | None, str]) -> pl.DataFrame:
    schema = {"id": pl.String, "row": pl.Int64, "state": pl.String, "rule": pl.String, "partner": pl.String}
    return pl.DataFrame([(*row, None)[:5] for row in rows], schema, orient="row")


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


COPY = replace(PAGE, id="b", key="copy", duplicate_of="page", variant="copy", jaccard=1.0, row=1)


def test_a_duplicate_is_right_when_its_own_page_is_kept() -> None:
    truths = [replace(PAGE, id="a"), COPY, replace(PAGE, id="c", key="other", row=2)]
    kept = ("a", 0, "kept", None), ("c", 2, "kept", None)
    assert score(decisions(*kept, ("b", 1, "dropped", "duplicates.near", "a")), truths).misses == []
    stranger = score(decisions(*kept, ("b", 1, "dropped", "duplicates.near", "c")), truths)
    assert [miss.key for miss in stranger.misses] == ["copy"]


def test_a_copy_that_stays_beside_its_page_is_a_miss_where_duplicates_are_looked_for() -> None:
    truths = [replace(PAGE, id="a"), COPY, replace(COPY, id="c", key="second", row=2)]
    rows = ("a", 0, "kept", None), ("b", 1, "kept", None), ("c", 2, "dropped", "duplicates.text", "a")
    assert [miss.expected for miss in score(decisions(*rows), truths).misses] == ["dropped by duplicates"]
    assert score(decisions(("a", 0, "kept", None), ("b", 1, "kept", None)), truths[:2]).misses == []
