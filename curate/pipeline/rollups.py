"""Counts of where documents ended, and the funnel drawn from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

KEYS = ["step", "rule", "state", "host", "lang"]
_SIZES = ("chars", "tokens", "bytes")


def rollup(decisions: pl.DataFrame) -> pl.DataFrame:
    """Documents, characters, tokens and bytes by step, rule, state, host and language; integers, so sums are exact."""
    return decisions.group_by(KEYS).agg(
        pl.len().cast(pl.Int64).alias("documents"), *(pl.col(name).sum() for name in _SIZES)
    )


def merge(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The sum of rollups, sorted by their keys."""
    return pl.concat(parts).group_by(KEYS).agg(pl.col("documents", *_SIZES).sum()).sort(KEYS, nulls_last=True)


class Level(NamedTuple):
    """One step of the funnel: what came in, what it took away, what went on."""

    step: str
    documents_in: int
    dropped: int
    failed: int
    documents_out: int
    tokens_dropped: int
    tokens_out: int
    bytes_dropped: int
    bytes_out: int


class Funnel(NamedTuple):
    """All steps in order, with the law that nothing vanishes checked while building it."""

    levels: list[Level]
    kept: int
    dropped: int
    failed: int
    tokens_kept: int
    bytes_kept: int

    @property
    def total(self) -> int:
        """Input records."""
        return self.kept + self.dropped + self.failed


def funnel(rollups: pl.DataFrame, order: list[str]) -> Funnel:
    """in = dropped + failed + out at every step, from counts by step; raises ValueError when a step is unknown."""
    ended = rollups.filter(pl.col("state") != "kept")
    unknown = sorted(set(ended["step"].to_list()) - set(order))
    if unknown:
        raise ValueError(f"documents ended in steps the profile does not have: {unknown}")
    kept = rollups.filter(pl.col("state") == "kept")
    left = int(rollups["documents"].sum())
    # Tokens and bytes are those of texts, known from extraction on; what ended before counts none.
    tokens, size = int(rollups["tokens"].sum()), int(rollups["bytes"].sum())
    levels = []
    for step in order:
        here = ended.filter(pl.col("step") == step)
        by_state = dict(here.group_by("state").agg(pl.col("documents").sum()).iter_rows())
        dropped, failed = int(by_state.get("dropped", 0)), int(by_state.get("failed", 0))
        gone, lost = int(here["tokens"].sum()), int(here["bytes"].sum())
        on, tokens, size = left - dropped - failed, tokens - gone, size - lost
        levels.append(Level(step, left, dropped, failed, on, gone, tokens, lost, size))
        left = on
    if left != int(kept["documents"].sum()):
        raise ValueError(f"{left} documents passed every step, but {int(kept['documents'].sum())} are kept")
    return Funnel(
        levels,
        left,
        sum(level.dropped for level in levels),
        sum(level.failed for level in levels),
        int(kept["tokens"].sum()),
        int(kept["bytes"].sum()),
    )
