"""What two runs decided differently about the same records."""

from __future__ import annotations

from typing import Any

import polars as pl

from curate.ask.finished import FinishedRun
from curate.pipeline.decide import SAME_RECORD

_COLUMNS = ["id", "url", "state", "rule", "tokens", "file", "row"]


def diff(left: FinishedRun, right: FinishedRun, examples: int) -> dict[str, Any]:
    """Counts and tokens by outcome before and after, with examples; records of one side only apart."""
    frames = []
    repeated = []
    for run in (left, right):
        # A repeated record id is decided once; its later copies say nothing about the page.
        rows = run.scan("decisions").select(_COLUMNS).filter(pl.col("rule").ne_missing(SAME_RECORD))
        repeated.append(run.scan("decisions").filter(pl.col("rule") == SAME_RECORD).select(pl.len()).collect().item())
        frames.append(rows.with_columns(outcome=_outcome()).collect())
    before, after = frames
    joined = before.join(after, on="id", how="inner", suffix="_after", maintain_order="left")
    moved = joined.filter(pl.col("outcome") != pl.col("outcome_after"))
    table = (
        moved.group_by("outcome", "outcome_after")
        .agg(
            documents=pl.len(),
            tokens=pl.max_horizontal("tokens", "tokens_after").sum(),
            examples=pl.struct("id", "url").head(examples),
        )
        .sort(["documents", "outcome", "outcome_after"], descending=[True, False, False])
    )
    return {
        "records": {"before": before.height, "after": after.height, "in_both": joined.height},
        "repeated": {"before": repeated[0], "after": repeated[1]},
        "same": joined.height - moved.height,
        "kept": {
            "before": int((before["state"] == "kept").sum()),
            "after": int((after["state"] == "kept").sum()),
            "tokens_before": int(before.filter(pl.col("state") == "kept")["tokens"].sum()),
            "tokens_after": int(after.filter(pl.col("state") == "kept")["tokens"].sum()),
        },
        "moved": table.rename({"outcome": "before", "outcome_after": "after"}).to_dicts(),
        "only_before": before.join(after, on="id", how="anti").height,
        "only_after": after.join(before, on="id", how="anti").height,
    }


def _outcome() -> pl.Expr:
    return pl.when(pl.col("rule").is_null()).then(pl.col("state")).otherwise(pl.format("{} by {}", "state", "rule"))
