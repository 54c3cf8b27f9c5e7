"""Rows of example files: JSONL (plain, gzip, zstd), Parquet, and folders of text files, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from curate.sources.rows import TABLES, Row, read_bytes, read_table
from workbench.errors import Exit, UserError

TEXTS = (".txt", ".txt.gz", ".txt.zst", ".md")


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
    data = read_bytes(path)
    if is_table(path):
        yield from read_table(path, data)
        return
    from curate.sources.packed import unpacked

    try:
        yield Row(path, None, {"text": unpacked(path, data).decode("utf-8-sig")})
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError("not UTF-8", hint="save it as UTF-8", code=Exit.INPUT, file=path, line=line) from None
