"""The funnel: what came in is dropped, failed or goes on, at every step."""

from __future__ import annotations

import polars as pl
import pytest

from curate.pipeline import rollups


def decisions(*rows: tuple[str, str | None, str | None, int]) -> pl.DataFrame:
    frame = pl.DataFrame(
        rows,
        schema={"state": pl.String, "step": pl.String, "rule": pl.String, "tokens": pl.Int64},
        orient="row",
    )
    return frame.with_columns(
        host=pl.lit("h"), lang=pl.lit("en"), chars=pl.lit(0, pl.Int64), bytes=pl.col("tokens") * 4
    )


SIX = decisions(
    ("kept", None, None, 100),
    ("kept", None, None, 10),
    ("dropped", "read", "read.status", 0),
    ("failed", "extract", None, 0),
    ("dropped", "gopher", "gopher.words", 5),
    ("dropped", "gopher", "gopher.symbols", 7),
)


def test_every_step_adds_up() -> None:
    drawn = rollups.funnel(rollups.rollup(SIX), ["read", "extract", "gopher"])
    assert [tuple(level) for level in drawn.levels] == [
        ("read", 6, 1, 0, 5, 0, 122, 0, 488),
        ("extract", 5, 0, 1, 4, 0, 122, 0, 488),
        ("gopher", 4, 2, 0, 2, 12, 110, 48, 440),
    ]
    assert (drawn.total, drawn.kept, drawn.dropped, drawn.failed) == (6, 2, 3, 1)
    assert (drawn.tokens_kept, drawn.bytes_kept) == (110, 440)


def test_a_step_that_is_not_in_the_profile_is_an_error() -> None:
    with pytest.raises(ValueError, match="gopher"):
        rollups.funnel(rollups.rollup(SIX), ["read", "extract"])


def test_merging_units_gives_the_rollup_of_the_whole() -> None:
    parts = [rollups.rollup(SIX[:2]), rollups.rollup(SIX[2:])]
    assert rollups.merge(parts).equals(rollups.merge([rollups.rollup(SIX)]))
