"""Small runs for the tests of the dashboard: valid ones, written by hand, and damaged ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from workbench.runs import Run
from workbench.tables import write_table


def write_run(
    root: Path,
    name: str,
    kind: str,
    tables: Mapping[str, pl.DataFrame] | None = None,
    files: Mapping[str, Any] | None = None,
    *,
    counts: Mapping[str, int] | None = None,
    parents: Sequence[Run] = (),
    gates: Sequence[str] = (),
    finish: bool = True,
) -> Run:
    """A run of these tables (name -> rows, in one shard each) and JSON files, finished unless told otherwise."""
    run = Run.create(root / name, kind, f"name: {name}\n", root=root, parents=parents)
    for table, rows in (tables or {}).items():
        (run.path / table).mkdir()
        write_table(run.path / table / "part-00000.parquet", rows)
    for file, content in (files or {}).items():
        (run.path / file).write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    if finish:
        run.finish(counts=counts, gates=gates)
    else:
        run.close()
    return run


def decisions(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Rows of `decisions/` with its columns; what is not given is null, or counts one document of ten tokens."""
    schema: dict[str, Any] = {
        **dict.fromkeys(("id", "url", "host", "lang", "state", "step", "rule", "value", "threshold"), pl.String),
        "fails": pl.List(pl.String),
        **dict.fromkeys(("error", "partner"), pl.String),
        **dict.fromkeys(("chars", "tokens", "bytes"), pl.Int64),
        **dict.fromkeys(("snippet", "file"), pl.String),
        "row": pl.Int64,
    }
    usual: dict[str, Any] = {"state": "kept", "fails": [], "chars": 40, "tokens": 10, "bytes": 40, "file": "a.warc"}
    return pl.DataFrame(
        [{"id": f"{number:032x}", "row": number, **usual, **row} for number, row in enumerate(rows)], schema=schema
    ).select(list(schema))
