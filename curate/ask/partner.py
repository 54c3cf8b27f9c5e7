"""The duplicates of one page: of a removed page the one that was kept and what both say; of a kept one the removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from curate.ask.duplicates import removals
from curate.ask.finished import FinishedRun
from curate.ask.side_by_side import side_by_side
from curate.duplicates.index.schemas import hex_keys
from curate.duplicates.index.segment import scan
from curate.duplicates.index.state import DOCUMENTS, Index, ask
from curate.duplicates.index.tombstones import Deleted, read_tombstones
from curate.duplicates.urls import url_keys
from curate.pipeline.decide import DELETED, DUPLICATES_STEP
from workbench.errors import UserError

REMOVED_SHOWN = 20


def partner(run: FinishedRun, decision: dict[str, Any], text: str | None) -> dict[str, Any] | None:
    """What the run knows of the page's duplicates; None where it compared no documents or not this one.

    Of a removed page: `kept_id`, `kept_url` and `kept_text` (null where the kept page is not of this run but of its
    index; `index` then tells what that has of it, see `_indexed`), how it was found, how similar the two are, its
    cluster, and `side_by_side` (see SideBySide; null without both texts). Of a kept page: for how many it stands, and
    the first of them by id. Of one that was deleted from the index: `index` tells when and why, see `_deletion`.
    """
    table = removals(run)
    if table is None:
        return None
    if decision["state"] == "kept":
        return _kept(run, table, decision["id"])
    if decision["step"] != DUPLICATES_STEP:
        return None
    if decision["rule"] == DELETED:
        return {"role": "deleted", "index": _of_index(run, lambda index: _deletion(index, decision))}
    rows = table.filter(pl.col("dropped_id") == decision["id"]).collect()
    return None if rows.is_empty() else _removed(run, table, rows.row(0, named=True), text)


def _removed(run: FinishedRun, table: pl.LazyFrame, row: dict[str, Any], text: str | None) -> dict[str, Any]:
    kept = run.row("documents", row["kept_id"]) or {}
    cluster = table.filter(pl.col("cluster") == row["cluster"])
    sizes = cluster.select(removed=pl.len(), kept=pl.col("kept_id").n_unique()).collect()
    index = None
    if not kept and run.settings.duplicates.index is not None:
        index = _of_index(run, lambda opened: _indexed(opened, row["kept_id"]))
    both = None
    if text is not None and kept.get("text") is not None:
        found = side_by_side(kept["text"], text, run.settings.duplicates.near)
        both = {**found._asdict(), "stretches": [stretch._asdict() for stretch in found.stretches]}
    return {
        "role": "removed",
        "kept_id": row["kept_id"],
        "kept_url": kept.get("url") or (index or {}).get("url"),
        "kept_text": kept.get("text"),
        "method": row["method"],
        "jaccard": row["jaccard"],
        "containment": row["containment"],
        "cluster": row["cluster"],
        "cluster_documents": sizes["removed"][0] + sizes["kept"][0],
        "cluster_kept": sizes["kept"][0],
        "side_by_side": both,
        "index": index,
    }


def _of_index(run: FinishedRun, question: Callable[[Index], dict[str, Any]]) -> dict[str, Any]:
    """`path` of the run's index and what it answers today; `problem` where it cannot be read any more."""
    name = run.settings.duplicates.index
    assert name is not None
    try:
        return {"path": name, "problem": None, **ask(Path(name), question)}
    except (UserError, OSError, pl.exceptions.PolarsError) as error:
        return {"path": name, "problem": error.message if isinstance(error, UserError) else str(error)}


def _indexed(index: Index, key: str) -> dict[str, Any]:
    """`url`, `host` and `date` that the index has for a document; nothing where it has it no more."""
    tables = index.tables(DOCUMENTS)
    found = scan(tables).filter(pl.col("id") == key).head(1).select("url", "host", "date").collect() if tables else None
    return {} if found is None or found.is_empty() else found.row(0, named=True)


def _deletion(index: Index, decision: dict[str, Any]) -> dict[str, Any]:
    """`time` and `reason` of the first deletion that names the page, by whatever it named; nothing if none does."""
    page = [pl.Series([decision[name]], dtype=pl.String) for name in ("id", "host", "url")]
    key = hex_keys(url_keys([decision["url"]]))
    for one in read_tombstones(index):
        if Deleted.by([one.asked], one.ids).mask(page[0], key, page[1], page[2]).any():
            return {"time": one.time, "reason": one.reason}
    return {}


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
