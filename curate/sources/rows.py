"""Rows of tables that a user names: JSONL (plain, gzip, zstd) and Parquet, each with its place."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import Exit, UserError

TABLES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".parquet")


class Row(NamedTuple):
    """One row and where it stands: the file as it was named, and its line (Parquet: row, from 1; a text file: None)."""

    file: Path
    line: int | None
    values: dict[str, Any]

    def error(self, message: str, hint: str) -> UserError:
        """The user's error at this row."""
        return UserError(message, hint=hint, code=Exit.INPUT, file=self.file, line=self.line)


def read_bytes(path: Path) -> bytes:
    """The file as it lies there; UserError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", hint="check the path", code=Exit.INPUT) from None


def read_table(path: Path, data: bytes) -> Iterator[Row]:
    """The rows of a file with these bytes, blank lines left out. UserError at the line that is no JSON object."""
    if path.name.endswith(".parquet"):
        yield from _parquet(path, data)
        return
    from curate.sources.jsonl import parse
    from curate.sources.packed import unpacked

    for line, raw in enumerate(unpacked(path, data).split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            values = parse(raw)
        except (ValueError, RecursionError):
            values = None
        row = Row(path, line, values)
        if not isinstance(values, dict):
            raise row.error("no JSON object", "one JSON object a line")
        yield row


def _parquet(path: Path, data: bytes) -> Iterator[Row]:
    import polars as pl

    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except pl.exceptions.PolarsError as error:
        raise UserError(f"cannot read {path}: {error}", hint="is it Parquet?", code=Exit.INPUT) from None
    for number, values in enumerate(frame.iter_rows(named=True), 1):
        yield Row(path, number, values)
