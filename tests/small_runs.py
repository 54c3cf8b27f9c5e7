"""Finished runs of a few documents, written straight into their tables: for what only reads runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import xxhash

from curate.pipeline.schemas import DECISIONS, DOCUMENTS, EDITS
from workbench.runs import Run
from workbench.tables import ShardWriter

ALL = {"text": True, "url": True, "near": {"enabled": True}}


def doc_id(name: str) -> str:
    """The id of the document called so."""
    return xxhash.xxh3_128_hexdigest(name.encode())


def document(name: str, text: str, **facts: Any) -> dict[str, Any]:
    """A row of DOCUMENTS: `name` gives the id, and the address where none is given."""
    url = facts.pop("url", f"https://{name}.example/page")
    host = None if url is None else url.split("/")[2]
    row = {
        "id": doc_id(name),
        "url": url,
        "host": host,
        "text": text,
        "chars": len(text),
        "file": "crawl.warc",
        "row": 0,
    }
    return {**dict.fromkeys(DOCUMENTS), **row, **facts}


def small_run(
    path: Path,
    kept: Sequence[Mapping[str, Any]],
    dropped: Sequence[tuple[Mapping[str, Any], str]] = (),
    *,
    edits: Sequence[Mapping[str, Any]] = (),
    measures: pl.DataFrame | None = None,
    duplicates: Mapping[str, Any] | None = ALL,
    shard_rows: int = 100_000,
) -> Path:
    """A finished run: documents it kept, and pairs of a document it dropped and the rule. duplicates: its settings."""
    decided = [(row, "kept", None) for row in kept] + [(row, "dropped", rule) for row, rule in dropped]
    rows = [
        {**{name: row.get(name) for name in DECISIONS}, "state": state, "rule": rule} for row, state, rule in decided
    ]
    tables = {
        "documents": pl.DataFrame(list(kept), DOCUMENTS, orient="row"),
        "dropped": pl.DataFrame([row for row, _ in dropped], DOCUMENTS, orient="row"),
        "decisions": pl.DataFrame(rows, DECISIONS, orient="row"),
        "edits": pl.DataFrame([{**dict.fromkeys(EDITS), **edit} for edit in edits], EDITS, orient="row"),
        "measures": measures if measures is not None else pl.DataFrame({"id": [row["id"] for row, _, _ in decided]}),
    }
    with Run.create(path, "curate.run", f"{path}\n", root=path.parent / "workspace") as run:
        settings = {} if duplicates is None else {"duplicates": duplicates}
        (run.path / "settings.json").write_text(json.dumps(settings))
        for name, table in tables.items():
            with ShardWriter(run.path / name, table.to_arrow().schema, min_rows=shard_rows) as writer:
                writer.append(table)
        run.finish(counts={"documents": len(kept)})
    return path
