"""The duplicates of one page: of a removed page the one that was kept and what both say; of a kept one the removed."""

from __future__ import annotations

from typing import Any

import polars as pl

from curate.ask.duplicates import removals
from curate.ask.finished import FinishedRun
from curate.ask.side_by_side import side_by_side
from curate.pipeline.decide import DUPLICATES_STEP

REMOVED_SHOWN = 20


def partner(run: FinishedRun, decision: dict[str, Any], text: str | None) -> dict[str, Any] | None:
    """What the run knows of the page's duplicates; None where it compared no documents or not this one.

    Of a removed page: `kept_id`, `kept_url` and `kept_text` (null where the kept page is not of this run but of its
    index), how it was found, how similar the two are, its cluster, and `side_by_side` (see SideBySide; null without
    both texts). Of a kept page: for how many it stands, and the first of them by id.
    """
    table = removals(run)
    if table is None:
        return None
    if decision["state"] == "kept":
        return _kept(run, table, decision["id"])
    if decision["step"] != DUPLICATES_STEP:
        return None
    rows = table.filter(pl.col("dropped_id") == decision["id"]).collect()
    return None if rows.is_empty() else _removed(run, table, rows.row(0, named=True), text)


def _removed(run: FinishedRun, table: pl.LazyFrame, row: dict[str, Any], text: str | None) -> dict[str, Any]:
    kept = run.row("documents", row["kept_id"]) or {}
    cluster = table.filter(pl.col("cluster") == row["cluster"])
    sizes = cluster.select(removed=pl.len(), kept=pl.col("kept_id").n_unique()).collect()
    both = None
    if text is not None and kept.get("text") is not None:
        found = side_by_side(kept["text"], text, run.settings.duplicates.near)
        both = {**found._asdict(), "stretches": [stretch._asdict() for stretch in found.stretches]}
    return {
        "role": "removed",
        "kept_id": row["kept_id"],
        "kept_url": kept.get("url"),
        "kept_text": kept.get("text"),
        "method": row["method"],
        "jaccard": row["jaccard"],
        "containment": row["containment"],
        "cluster": row["cluster"],
        "cluster_documents": sizes["removed"][0] + sizes["kept"][0],
        "cluster_kept": sizes["kept"][0],
        "side_by_side": both,
    }


def _kept(run: FinishedRun, table: pl.LazyFrame, key: str) -> dict[str, Any]:
    rows = table.filter(pl.col("kept_id") == key).collect().sort("dropped_id")
    first = rows.head(REMOVED_SHOWN)
    pages = run.scan("decisions").filter(
        pl.col("id").is_in(first["dropped_id"].implode()) & (pl.col("step") == DUPLICATES_STEP)
    )
    shown = first.lazy().join(pages.select("id", "url"), left_on="dropped_id", right_on="id", how="left").collect()
    return {
        "role": "kept",
        "stands_for": rows.height,
        "cluster": rows["cluster"][0] if rows.height else None,
        "removed": shown.sort("dropped_id").select("dropped_id", "url", "method", "jaccard", "containment").to_dicts(),
    }
