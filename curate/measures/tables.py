"""Measures of the user's own from Parquet files: a column `id` and one column for each measure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.measures.registry import REGISTRY
from workbench.errors import Exit, UserError

_ID = "id"


def names(paths: Sequence[str]) -> list[str]:
    """The measures that the tables add, in order.

    Raises UserError (exit 4) for a file that is no Parquet or has no column `id`, and for a measure that exists.
    """
    found: list[str] = []
    for path in paths:
        columns = list(_schema(path))
        if _ID not in columns:
            hint = f"its columns are {', '.join(columns)}"
            raise UserError(f"{path} has no column 'id'", hint=hint, code=Exit.INPUT)
        for column in columns:
            if column in REGISTRY or column in found:
                hint = "rename the column"
                raise UserError(f"{path}: there is a measure '{column}' already", hint=hint, code=Exit.INPUT)
            if column != _ID:
                found.append(column)
    return found


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
        table = pl.scan_parquet(path).filter(pl.col(_ID).is_in(ids.implode())).collect()
        if table[_ID].n_unique() < table.height:
            twice = table.filter(pl.col(_ID).is_duplicated())[_ID][0]
            raise UserError(f"{path} has the id {twice} twice", hint="one row a document", code=Exit.INPUT)
        frame = frame.join(table, on=_ID, how="left", maintain_order="left")
    return frame.drop(_ID)


def _schema(path: str) -> pl.Schema:
    try:
        return pl.read_parquet_schema(path)  # type: ignore[return-value]  # a mapping either way
    except FileNotFoundError:
        raise UserError(f"no table of measures at {path}", hint="check measures.tables", code=Exit.INPUT) from None
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{path} is not Parquet: {error}", hint="check measures.tables", code=Exit.INPUT) from None
