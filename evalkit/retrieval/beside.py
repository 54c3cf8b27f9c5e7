"""What a context was worth: the same items and model with and without it, item by item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.compare.runs import of_task, paired
from evalkit.run.rows import SCORES
from evalkit.statistics.paired import holm
from evalkit.tasks.metrics import metric_of

if TYPE_CHECKING:
    import polars as pl


def found(items: pl.DataFrame) -> dict[str, int]:
    """Of a task's rows: for how many anything was found, in how many prompts a right answer stands, how many documents
    were found, and how many of them are in no prompt because they did not fit."""
    documents = items["retrieved"].drop_nulls().explode().drop_nulls()
    return {
        "items": int((items["retrieved"].list.len() > 0).sum()),
        "answer_in_context": int(items["answer_in_context"].sum()),
        "documents": len(documents),
        "documents_dropped": len(documents) - int(documents.struct.field("used").sum()),
    }


def beside(
    run: Path, tasks: Sequence[Mapping[str, Any]], pairs: Sequence[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    """Each metric without and with the context, and the paired difference; p-values are adjusted for all (Holm).

    tasks: as `summary.json` has them. pairs: task, its own preset, and that with another context.
    """
    average = {task["task"]: task["average"] for task in tasks}
    rows = [row for pair in pairs for row in _metrics(run, *pair, macro=average[pair[0]] == "macro")]
    adjusted = holm([row["p"] for row in rows])
    return [{**row, "p": p} for row, p in zip(rows, adjusted, strict=True)]


def _metrics(run: Path, task: str, preset: str, other: str, *, macro: bool) -> Iterator[dict[str, Any]]:
    before, after = (of_task(run, SCORES, (task, name)) for name in (preset, other))
    metrics = before.select("metric").unique(maintain_order=True).collect()["metric"].to_list()
    for metric in metrics:
        pair = paired(before, after, metric, macro=macro)
        if pair is None or not len(pair.a):
            continue
        made = pair.difference(metric)
        yield {
            "task": task,
            "preset": preset,
            "other": other,
            "metric": metric,
            "better": metric_of(metric).better,
            "before": made.a,
            "after": made.b,
            "difference": asdict(made.estimate),
            "gained": made.gained,
            "lost": made.lost,
            "p": made.p,
        }
