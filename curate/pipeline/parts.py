"""A table of one unit: a Parquet file written batch by batch, so that memory is that of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import polars as pl
import pyarrow.parquet as pq


class PartWriter:
    """Writes frames as row groups of one file; light compression, since the merge reads it once and deletes it.

    The columns are those of `schema`, else those of the first frame.
    """

    def __init__(self, path: Path, schema: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self._schema = schema
        self._writer: pq.ParquetWriter | None = None
        if schema is not None:
            self.write(pl.DataFrame(schema=schema))

    def write(self, frame: pl.DataFrame) -> None:
        """Adds a row group; raises where the columns differ from those before."""
        if self._schema is not None:
            frame = frame.select(pl.col(name).cast(kind) for name, kind in self._schema.items())
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, table.schema, compression="zstd", compression_level=1)
        if table.num_rows:
            self._writer.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
