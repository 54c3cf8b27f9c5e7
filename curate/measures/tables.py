"""Measures of the user's own from Parquet files: a column `id` and one column for each measure."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from curate.measures.registry import REGISTRY
from workbench.errors import Exit, UserError

_ID = "id"
Kind = Literal["number", "text"]


def names(paths: Sequence[str], taken: Container[str] = REGISTRY) -> list[str]:
    """The measures that the tables add, in order; `taken` are the names that they may not have.

    Raises UserError (exit 4) for a file that is no Parquet or has no column `id` of strings, for a measure that exists,
    and for one that is neither a number nor a word.
    """
    found: dict[str, Kind] = {}
    for path in paths:
        schema = _schema(path)
        if _ID not in schema:
            hint = f"its columns are {', '.join(schema)}"
            raise UserError(f"{path} has no column 'id'", hint=hint, code=Exit.INPUT)
        if schema[_ID] != pl.String:
            hint = "the ids are those of the run's tables: strings of 32 hex digits"
            raise UserError(f"{path}: the column 'id' is {schema[_ID]}, not String", hint=hint, code=Exit.INPUT)
        for column, dtype in schema.items():
            if column == _ID:
                continue
            # `measure@text` is how the run itself names a measure of the other text version.
            if column.partition("@")[0] in taken or column in found:
                hint = "rename the column"
                raise UserError(f"{path}: there is a measure '{column}' already", hint=hint, code=Exit.INPUT)
            found[column] = _kind(path, column, dtype)
    return list(found)


def kinds(paths: Sequence[str]) -> dict[str, Kind]:
    """What a rule on each of the tables' measures compares with, by name. Raises UserError (exit 4)."""
    return {
        column: _kind(path, column, dtype) for path in paths for column, dtype in _schema(path).items() if column != _ID
    }


def digests(paths: Sequence[str]) -> dict[str, str]:
    """SHA-256 of every table, by path as given."""
    found = {}
    for path in paths:
        with Path(path).open("rb") as file:
            found[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def rows(paths: Sequence[str], ids: pl.Series) -> pl.DataFrame:
    """The tables' columns for these ids, in their order; null where a table does not have the id.

    Raises UserError (exit 4) when a table has one of the ids twice.
    """
    frame = pl.DataFrame({_ID: ids}, schema={_ID: pl.String})
    for path in paths:
        table = pl.scan_parquet(path, glob=False).filter(pl.col(_ID).is_in(ids.implode())).collect()
        if table[_ID].n_unique() < table.height:
            twice = table.filter(pl.col(_ID).is_duplicated())[_ID][0]
            raise UserError(f"{path} has the id {twice} twice", hint="one row a document", code=Exit.INPUT)
        frame = frame.join(table, on=_ID, how="left", maintain_order="left")
    return frame.drop(_ID)


def _kind(path: str, column: str, dtype: pl.DataType) -> Kind:
    if dtype.is_integer() or dtype.is_float():
        return "number"
    if dtype == pl.String:
        return "text"
    hint = "cast it to an integer, a float or a string"
    raise UserError(f"{path}: the measure '{column}' is {dtype}", hint=hint, code=Exit.INPUT)


def _schema(path: str) -> pl.Schema:
    hint = "check measures.tables"
    if not Path(path).is_file():
        raise UserError(f"no table of measures at {path}", hint=hint, code=Exit.INPUT)
    try:
        return pl.scan_parquet(path, glob=False).collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UserError(f"{path} is not readable as Parquet: {error}", hint=hint, code=Exit.INPUT) from None
