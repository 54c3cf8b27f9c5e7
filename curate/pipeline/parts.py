"""The tables of one unit: written batch by batch and read back slice by slice, so that memory is that of a slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import polars as pl
import pyarrow.parquet as pq

# A slice holds this many batches: few enough for memory, enough that a query is not all overhead.
_BATCHES = 16
_SLICE_ROWS, _SLICE_CHARS = 20_000, 50_000_000


class PartWriter:
    """Writes frames as row groups of one file; lightly compressed, since the merge reads it once and deletes it.

    The columns are those of `schema`, else those of the first frame.
    """

    def __init__(self, path: Path, schema: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self._schema = schema
        self._writer: pq.ParquetWriter | None = None

    def write(self, frame: pl.DataFrame) -> None:
        """Adds a row group; raises where the columns differ from those before."""
        if self._schema is not None:
            frame = frame.select(pl.col(name).cast(kind) for name, kind in self._schema.items())
        table = frame.to_arrow()
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self.path, table.schema, compression="lz4", use_dictionary=False, write_statistics=False
            )
        if table.num_rows:
            self._writer.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


class Sizes(NamedTuple):
    """Rows that one batch added to `records`, `measures` and `edits`."""

    records: int
    measures: int
    edits: int


class Slice(NamedTuple):
    """Some of a unit's records with their measures (a row for each text) and edits."""

    begin: int
    records: pl.DataFrame
    measures: pl.DataFrame
    edits: pl.DataFrame


def slices(unit: Path, batches: Sequence[Sequence[int]], take: int) -> Iterator[Slice]:
    """The first `take` records of a measured unit, in order, a bounded number of batches at a time."""
    sizes = [Sizes(*batch) for batch in batches]
    begin = Sizes(0, 0, 0)
    for at in range(0, max(len(sizes), 1), _BATCHES):
        here = sizes[at : at + _BATCHES]
        count = Sizes(sum(b.records for b in here), sum(b.measures for b in here), sum(b.edits for b in here))
        records = part(unit / "records.parquet", begin.records, count.records).head(max(0, take - begin.records))
        texts = records["text"].drop_nulls().len()
        measures = part(unit / "measures.parquet", begin.measures, count.measures).head(texts)
        edits = part(unit / "edits.parquet", begin.edits, count.edits)
        if records.height < count.records:  # a limit cuts within this slice
            edits = edits.filter(pl.col("position") < take)
        yield Slice(begin.records, records, measures, edits)
        begin = Sizes(*(one + more for one, more in zip(begin, count, strict=True)))
        if begin.records >= take:
            return


def part(path: Path, begin: int, count: int) -> pl.DataFrame:
    """Rows of one file; only the row groups that hold them are read."""
    return pl.scan_parquet(path, glob=False).slice(begin, count).collect()


def slice_bounds(chars: np.ndarray) -> list[int]:
    """Where slices of a run's records begin, and the end: at most 20,000 records and about 50 million characters each.

    There is at least one slice. `chars` is the size of each record's text.
    """
    begins, total = [0], 0
    for row, count in enumerate(chars.tolist()):
        if row > begins[-1] and (row - begins[-1] >= _SLICE_ROWS or total + count > _SLICE_CHARS):
            begins.append(row)
            total = 0
        total += count
    return [*begins, len(chars)]
