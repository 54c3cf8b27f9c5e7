"""Python functions on the columns of a small frame, outside of polars' own threads.

`map_elements` would call them there: a thread that waits for the interpreter then holds a worker that another visitor's
thread waits for while it has the interpreter, and the server stands still. A test keeps it out of the dashboard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def told(column: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """The texts of a column after `function`; null stays null."""
    import polars as pl

    texts = [None if text is None else function(text) for text in column.to_list()]
    return pl.Series(column.name, texts, dtype=pl.String)


def all_told(frame: pl.DataFrame, function: Callable[[str], str]) -> pl.DataFrame:
    """The frame with `function` on every text."""
    import polars as pl

    names = [name for name, kind in frame.schema.items() if kind == pl.String]
    return frame.with_columns([told(frame[name], function) for name in names])
