"""Rows of example files: JSONL (plain, gzip, zstd), Parquet, and folders of text files, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import Exit, UserError

TABLES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".parquet")
TEXTS = (".txt", ".txt.gz", ".txt.zst", ".md")


class Row(NamedTuple):
    """One row and where it stands: the file as it was named, and its line (Parquet: row, from 1; a text file: None)."""

    file: Path
    line: int | None
    values: dict[str, Any]

    def error(self, message: str, hint: str) -> UserError:
        """The user's error at this row."""
        return UserError(message, hint=hint, code=Exit.INPUT, file=self.file, line=self.line)


def files_of(path: Path) -> list[Path]:
    """The file itself, or every example file below the folder, by name. UserError where there is none."""
    known = f"examples are read from {', '.join((*TABLES, *TEXTS))}"
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith((*TABLES, *TEXTS)))
        if not found:
            raise UserError(f"no examples in {path}", hint=known, code=Exit.INPUT)
        return found
    if not path.is_file():
        raise UserError(f"no examples at {path}", hint="check the path", code=Exit.INPUT)
    if not path.name.endswith((*TABLES, *TEXTS)):
        raise UserError(f"cannot tell what {path} is", hint=known)
    return [path]


def is_table(path: Path) -> bool:
    """Whether the file holds rows with fields; the others are one text each."""
    return path.name.endswith(TABLES)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of one file; of a text file one, with the field `text`. UserError at the line that is none."""
    if path.name.endswith(".parquet"):
        yield from _parquet(path)
        return
    data = _unpacked(path)
    if not is_table(path):
        try:
            yield Row(path, None, {"text": data.decode("utf-8-sig")})
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise UserError("not UTF-8", hint="save it as UTF-8", code=Exit.INPUT, file=path, line=line) from None
        return
    from curate.sources.jsonl import parse

    for line, raw in enumerate(data.split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            values = parse(raw)
        except ValueError:
            values = None
        row = Row(path, line, values)
        if not isinstance(values, dict):
            raise row.error("no JSON object", "one JSON object a line")
        yield row


def _parquet(path: Path) -> Iterator[Row]:
    import polars as pl

    try:
        frame = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UserError(f"cannot read {path}: {error}", hint="is it Parquet?", code=Exit.INPUT) from None
    for number, values in enumerate(frame.iter_rows(named=True), 1):
        yield Row(path, number, values)


def _unpacked(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", hint="check the path", code=Exit.INPUT) from None
    from curate.sources.packed import unpacked

    return unpacked(path, data)
