"""An evaluation on items that a curated run was searched for: its scores on those found there, and on the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from dashboard.queries.evals import known_metric
from dashboard.source import Source
from evalkit.run.rows import label
from evalkit.run.summarise import estimates
from evalkit.tasks.metrics import metric_of
from workbench import manifest

if TYPE_CHECKING:
    import polars as pl

_ENDINGS = (".gz", ".zst")


def read_files(source: Source) -> dict[str, str]:
    """The files that a run has read, by their digests: their names, without folders."""
    found = manifest.read(source.run.path)
    return {each.digest: PurePath(each.path).name for each in found.inputs} if found else {}


def shared_files(read: Mapping[str, str], searched: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the files that two runs have read, the same to the last bit: an evaluation's items, and what a curated
    run was searched for, both as `read_files` tells. A name that two of them share is left out."""
    names = [searched[digest] for digest, name in read.items() if searched.get(digest) == name]
    return tuple(sorted(name for name in names if names.count(name) == 1))


def by_set(source: Source) -> pl.DataFrame:
    """By task and metric: the scores on items that stand in the curated run (`found`) and on the others (`clean`).

    Columns: label, metric, share; value, low, high and n of both sets; untestable: items too short to be looked for.
    Only tasks whose items all come from one shared file, each of whose rows was looked for.
    """
    import polars as pl

    assert source.other is not None
    rows = []
    for name in shared_files(read_files(source), read_files(replace(source, run=source.other))):
        items = source.query(
            "SELECT i.task, i.preset, i.item, c.contaminated, c.testable OR c.answer_testable AS testable "
            "FROM {items} i LEFT JOIN {other_items} c ON c.suite = $suite AND c.item = i.row "
            "WHERE i.file = $file AND (i.task, i.preset) IN "
            "(SELECT (task, preset) FROM {items} GROUP BY task, preset HAVING count(DISTINCT file) = 1)",
            suite=_suite(name),
            file=name,
        )
        for (task, preset), part in items.group_by("task", "preset", maintain_order=True):
            if part["contaminated"].null_count():
                continue
            scores = source.query(
                "SELECT * FROM {scores} WHERE task = $task AND preset = $preset", task=task, preset=preset
            )
            found = part.filter("contaminated")["item"]
            clean = part.filter(~pl.col("contaminated") & pl.col("testable"))["item"]
            told = [estimates(scores.filter(pl.col("item").is_in(ids.implode()))) for ids in (clean, found)]
            for metric in scores["metric"].unique(maintain_order=True):
                if known_metric(metric):
                    about = {"label": label(str(task), str(preset)), "metric": metric, "share": metric_of(metric).share}
                    numbers: dict[str, Any] = {}
                    for prefix, one in zip(("clean", "found"), told, strict=True):
                        values = one.get(metric, {"n": 0})
                        numbers |= {f"{prefix}_{key}": values.get(key) for key in ("value", "low", "high", "n")}
                    rows.append({**about, **numbers, "untestable": part.height - len(found) - len(clean)})
    return pl.DataFrame(rows, infer_schema_length=None)


def _suite(name: str) -> str:
    """The name of a suite: its file's, without what tells how it is written."""
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name.rpartition(".")[0] or name
