"""Which items a run has: those that failed, those that were answered wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from evalkit.run.rows import ITEMS, SCORES, label, read_rows
from evalkit.run.said import answer, question, right_answer, short
from evalkit.tasks.metrics import METRICS
from workbench.errors import UserError, did_you_mean
from workbench.render import Table

STATES = ("scored", "failed", "unscored", "wrong", "all")


class Listed(NamedTuple):
    """Some rows of `items`, how many there are in all, and their table."""

    rows: list[dict[str, Any]]
    all: int
    table: Table


def list_items(run: Path, state: str, task: str | None, limit: int) -> Listed:
    """Items in their order. `wrong`: scored, and 0 in the task's first metric. UserError for an unknown state."""
    import polars as pl

    if state not in STATES:
        raise UserError(f"no items are '{state}'", hint=did_you_mean(state, STATES))
    frame = read_rows(run, ITEMS)
    if state == "wrong":
        shares = [name for name, metric in METRICS.items() if metric.share and metric.better == "higher"]
        scores = read_rows(run, SCORES).filter(pl.col("metric").str.split("/").list.first().is_in(shares))
        first = scores.group_by("task", "preset", "item", maintain_order=True).first().filter(pl.col("value") == 0)
        frame = frame.join(first.select("task", "preset", "item"), on=["task", "preset", "item"], how="semi")
    elif state != "all":
        frame = frame.filter(pl.col("state") == state)
    if task is not None:
        name, _, preset = task.partition("@")
        frame = frame.filter(pl.col("task") == name, (pl.col("preset") == preset) if preset else pl.lit(True))
    found = frame.collect()
    rows = found.head(limit).to_dicts()
    columns = ("task", "item", "place", "state", "said", "right", "asked or why not")
    cells = [
        (
            label(row["task"], row["preset"]),
            row["item"][:12],
            f"{row['file']}:{row['line']}",
            row["state"],
            short(answer(row)),
            short(right_answer(row)),
            short(row["reason"] if row["reason"] is not None else question(row)),
        )
        for row in rows
    ]
    note = "" if found.height <= limit else f"{found.height - limit:,} more"
    return Listed(rows, found.height, Table(columns, cells, "", note))
