"""What the overview asks of a curated run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.source import Source

if TYPE_CHECKING:
    import polars as pl


def steps(source: Source) -> pl.DataFrame:
    """Documents, tokens and bytes that ended at each step and state: step, state, documents, tokens, bytes."""
    return source.query(
        "SELECT step, state, sum(documents)::BIGINT AS documents, sum(tokens)::BIGINT AS tokens, "
        "sum(bytes)::BIGINT AS bytes FROM {rollups} GROUP BY ALL ORDER BY step, state"
    )
