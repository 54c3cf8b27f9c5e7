"""Rows of JSON and Parquet files, each with a name that messages can call it by."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import zstandard
from pyarrow import ArrowException

from workbench.errors import Exit, UserError

_LINES = (".jsonl", ".ndjson")
_WHOLE = (".json",)
_KINDS = "JSONL, JSON (a list of objects) or Parquet; .gz and .zst may follow"
_DAMAGE = (ValueError, RecursionError, OSError, EOFError, zlib.error, zstandard.ZstdError)
_ROWS = 1024  # of Parquet, at a time


class Record(NamedTuple):
    """A row: its `id` where it has one, else file and line (or row); and its values."""

    name: str
    values: dict[str, Any]


def read_records(path: Path) -> Iterator[Record]:
    """The rows of a file, or of all files of a folder in the order of their names.

    Raises UserError with file and line for what is no object, is damaged, or is no file of these kinds.
    """
    if path.is_dir():
        files = files_of(path)
        if not files:
            raise UserError(f"{path} holds no rows", hint=f"a folder of {_KINDS}", code=Exit.INPUT)
        for file in files:
            yield from read_records(file)
        return
    kind = _kind(path)
    if not path.is_file() or kind is None:
        what = f"no file {path}" if not path.exists() else f"cannot tell what {path} is"
        raise UserError(what, hint=f"name a file of {_KINDS}", code=Exit.INPUT)
    rows = _parquet(path) if kind == ".parquet" else _json(path) if kind in _WHOLE else _lines(path)
    for number, values in rows:
        if not isinstance(values, dict):
            raise UserError("not a JSON object", hint="one object a row", code=Exit.INPUT, file=path, line=number)
        given = values.get("id")
        named = isinstance(given, str | int) and not isinstance(given, bool) and str(given).strip()
        yield Record(str(given) if named else f"{path.name}:{number}", values)


def files_of(path: Path) -> list[Path]:
    """The files that `read_records` reads: the file itself, or those of a folder in the order of their names."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and _kind(file) is not None)


def bad_row(path: Path, name: str, what: str, hint: str) -> UserError:
    """What is wrong (exit 4) with the row of this name in what `read_records` read: with its line, or with its id."""
    file, _, number = name.rpartition(":")
    if file == path.name and number.isdecimal():
        return UserError(what, hint=hint, code=Exit.INPUT, file=path, line=int(number))
    return UserError(f"row {name}: {what}", hint=hint, code=Exit.INPUT, file=path)


def _kind(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in (*_LINES, *_WHOLE, ".parquet") else None


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    number = 0
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, json.loads(line)
    except _DAMAGE as error:
        raise _damaged(path, error, number or 1) from None


def _json(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        with _opened(path) as file:
            data = file.read()
            # A .json that holds one object a line is JSONL under another name.
            if not data.lstrip().startswith(b"["):
                rows = [json.loads(line) for line in data.splitlines() if line.strip()]
            else:
                rows = json.loads(data)
    except _DAMAGE as error:
        raise _damaged(path, error, None) from None
    yield from enumerate(rows, 1)


def _parquet(path: Path) -> Iterator[tuple[int, Any]]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS):
                for values in batch.to_pylist():
                    number += 1
                    yield number, values
    except (ArrowException, OSError) as error:
        raise _damaged(path, error, None) from None


def _opened(path: Path) -> io.BufferedIOBase:
    name = path.name.lower()
    if name.endswith(".gz"):
        return gzip.open(path)
    if name.endswith(".zst"):
        packed = path.open("rb")
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True))
    return path.open("rb")


def _damaged(path: Path, error: Exception, line: int | None) -> UserError:
    what = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, RecursionError):
        what = "it is nested too deeply"
    return UserError(f"cannot be read: {what}", hint=f"a file of {_KINDS}", code=Exit.INPUT, file=path, line=line)
