"""Where deleted documents still lie: every table of every run that names one of them, by file and row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from curate.duplicates.index.state import Index
from workbench import manifest, registry
from workbench.errors import UserError

# Columns that name a document, and those that hold words of the document whose `id` it is.
_NAMES = ("id", "dropped_id", "kept_id", "cluster", "partner")
_WORDS = ("text", "title", "snippet", "removed")
_NO_TABLES = (".yaml", ".json")


class Searched(NamedTuple):
    """The files that name a document, one entry a file and column; the runs that are gone; files that are no tables."""

    files: list[dict[str, Any]]
    missing: list[dict[str, str]]
    unread: list[dict[str, str]]


def search(index: Index, root: Path, ids: pl.Series) -> Searched:
    """Looks for the ids in the finished runs that the index was made from, and in those known under `root`."""
    found = Searched([], [], [])
    done: set[Path] = set()
    for name, path in _runs(index, root):
        where = path.resolve()
        if where in done:
            continue
        done.add(where)
        entry = _manifest(path)
        if entry is None:
            found.missing.append({"run": name, "path": str(path)})
            continue
        for file in entry.outputs:
            place = {"run": entry.id, "path": str(path), "file": file.path}
            if file.path.endswith(".parquet"):
                try:
                    found.files.extend({**place, **hit} for hit in _hits(path / file.path, ids))
                except (OSError, pl.exceptions.PolarsError):
                    found.unread.append(place)
            elif not file.path.endswith(_NO_TABLES):
                found.unread.append(place)
    found.unread.extend({"run": path.name, "path": str(path), "file": ""} for path in registry.closed(root))
    return found


def _runs(index: Index, root: Path) -> Iterator[tuple[str, Path]]:
    """The runs of the index, where they are now, then the finished ones of the workspace."""
    known = [(run.id, run.path) for run in registry.list_runs(root) if run.state == "finished"]
    for number, run in enumerate(index.state.runs):
        there = index.run_path(number)
        moved = [path for _, path in known if manifest.digest(path) == run.digest]
        yield run.id, there if _manifest(there) is not None or not moved else moved[0]
    yield from known


def _manifest(path: Path) -> manifest.Manifest | None:
    try:
        return manifest.read(path)
    except UserError:
        return None


def _hits(file: Path, ids: pl.Series) -> Iterator[dict[str, Any]]:
    table = pl.scan_parquet(file, glob=False)
    schema = table.collect_schema()
    for name in _NAMES:
        if schema.get(name) == pl.String:
            asked = ids.alias(name).to_frame().lazy()
            hits = table.select(name).with_row_index("row").join(asked, on=name, how="semi").sort("row").collect()
            if hits.height:
                yield {
                    "column": name,
                    "holds": [column for column in _WORDS if name == "id" and column in schema],
                    "rows": hits["row"].to_list(),
                    "ids": hits[name].to_list(),
                }


def texts(files: Sequence[dict[str, Any]]) -> int:
    """How many whole texts of deleted documents still lie in the files."""
    return sum(len(file["rows"]) for file in files if "text" in file["holds"])
