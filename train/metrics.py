"""What a training writes down: tables that grow step by step and hold every step exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.errors import output_error
from workbench.files import leftovers, remove
from workbench.tables import write_table

PART_ROWS = 2_000

_REAL = ("loss", "lr", "grad_norm", "weight", "tokens", "seconds", "wait_s", "tokens_per_s", "peak_share")
METRICS = pa.schema(
    [("step", pa.int64()), ("kind", pa.string()), ("part", pa.string()), ("skipped", pa.bool_())]
    + [(name, pa.float64()) for name in (*_REAL, "bytes", "bits_per_byte")]
)
"""`metrics/`: kind `train` (one row a step) or `eval` (one a part, and part "" for all), with further columns by stage.

step: finished optimizer steps. loss: in nats a unit of weight, NaN and infinities as they were. skipped: no update was
made. weight: what the loss was divided by. seconds: of the step, of which wait_s for data. peak_share: of the measured
matmul peak."""
SAMPLES = pa.schema([("step", pa.int64()), ("prompt", pa.string()), ("text", pa.string())])
"""`samples/`: what the model wrote, with further columns by stage."""


class Growing:
    """A table in `directory/part-<first step>.parquet`; rows come in the order of their column `step`.

    The newest part is written anew as it grows, so a reader sees each row once at any moment. Numbers under a name the
    table does not know yet make a new column (null in earlier rows).
    """

    def __init__(self, directory: Path, schema: pa.Schema) -> None:
        self.directory = directory
        self._schema = schema
        self._rows: list[dict[str, Any]] = []
        self._fresh = False

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row; it is on the disk after the next `flush`."""
        if len(self._rows) >= PART_ROWS and row["step"] != self._rows[-1]["step"]:  # a step stays in one part
            self.flush()
            self._rows = []
        self._rows.append(dict(row))
        self._fresh = True

    def flush(self) -> None:
        """Bring the disk up to date; UserError (exit 7) when it is full."""
        if not self._fresh:
            return
        known = set(self._schema.names)
        new = sorted({name for row in self._rows for name in row} - known)
        try:
            if new:
                kinds = [(name, _kind(row[name] for row in self._rows if name in row)) for name in new]
                self._schema = pa.schema([*self._schema, *(pa.field(name, kind) for name, kind in kinds)])
                self._widen()
            self._write(self._rows)
        except Exception as error:
            found = output_error(error)
            if found is None:
                raise
            raise found from None
        self._fresh = False

    def last(self) -> list[dict[str, Any]]:
        """The rows of the newest part."""
        return self._rows

    def rewind(self, step: int) -> None:
        """Forget every row after `step`, in whatever state a crash left the parts."""
        for path in leftovers(self.directory):
            remove(path)
        self._rows, self._fresh = [], False
        paths = sorted(self.directory.glob("part-*.parquet"))
        self._schema = pa.unify_schemas([self._schema, *(pq.read_schema(path) for path in paths)])
        for path in paths:
            if _first(path) > step:
                remove(path)
        self._widen()
        for path in sorted(self.directory.glob("part-*.parquet"))[-1:]:
            rows = pq.read_table(path).to_pylist()
            self._rows = [row for row in rows if row["step"] <= step]
            if len(self._rows) < len(rows):
                self._write(self._rows)

    def _widen(self) -> None:
        """Give every part the columns of the table."""
        for path in sorted(self.directory.glob("part-*.parquet")):
            if pq.read_schema(path).names != self._schema.names:
                write_table(path, pa.Table.from_pylist(pq.read_table(path).to_pylist(), self._schema))

    def _write(self, rows: list[dict[str, Any]]) -> None:
        path = self.directory / f"part-{rows[0]['step']:09d}.parquet"
        write_table(path, pa.Table.from_pylist(rows, self._schema))


def _first(path: Path) -> int:
    return int(path.stem.removeprefix("part-"))


def _kind(values: Iterable[Any]) -> pa.DataType:
    found = [value for value in values if value is not None]
    return pa.string() if found and isinstance(found[0], str) else pa.float64()
