"""Writing one file of an export: its rows are gathered row group by row group and written as they come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.tokens import COUNTED, ESTIMATED, Counter
from workbench.tables import ShardWriter
from workbench.units import Report, Work

FILE = "shard"
_LINES = 2_000


@contextmanager
def shard_step(setup: dict[str, Any]) -> Iterator[Work]:
    """A file: payload `begin` and `end` in the plan's rows; writes `shard` and returns its rows and tokens.

    setup: `rows` (the plan's table), `documents` (the shards of the run), `run` (its id), `mix` (the phase and the
    number of the copy are columns), `tokenizer` (path or None), `counted` (whether it or the run counted the tokens),
    `ending` (parquet or jsonl.zst).
    """
    source = _Source([Path(path) for path in setup["documents"]])
    counter = None if setup["tokenizer"] is None else Counter(Path(setup["tokenizer"]))
    schema = exported_schema(source.schema, counted=setup["counted"], mix=setup["mix"])
    write = _write_parquet if setup["ending"] == "parquet" else _write_lines

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        begin, end = payload["begin"], payload["end"]
        rows = pl.scan_parquet(setup["rows"], glob=False).slice(begin, end - begin).collect()
        position, copy = rows["position"].to_numpy(), rows["copy"].to_numpy()
        tokens = 0

        def tables() -> Iterator[pa.Table]:
            nonlocal tokens
            done = 0
            for table in source.gather(position):
                own = {"run": setup["run"], "phase": payload["phase"], "copy": copy[done : done + table.num_rows]}
                done += table.num_rows
                shown = _exported(table, schema, own, counter)
                name = COUNTED if COUNTED in schema.names else ESTIMATED
                tokens += pc.sum(shown[name]).as_py() or 0 if name in schema.names else 0
                report(done / max(len(position), 1), documents=done)
                yield shown

        write(out / FILE, schema, tables())
        return {"rows": len(position), "tokens": tokens}

    yield work


def exported_schema(stored: pa.Schema, *, counted: bool, mix: bool) -> pa.Schema:
    """The columns of an export: those of `documents`, the run's id, and for a mix the phase and the copy."""
    fields = []
    for field in stored:
        kind = pa.string() if pa.types.is_large_string(field.type) else field.type
        name = ESTIMATED if field.name == COUNTED and not counted else field.name
        fields.append(pa.field(name, kind))
    if counted and COUNTED not in stored.names:
        fields.append(pa.field(COUNTED, pa.int64()))
    fields.append(pa.field("run", pa.string()))
    return pa.schema(fields + [pa.field("phase", pa.string()), pa.field("copy", pa.int64())] * mix)


def _exported(table: pa.Table, schema: pa.Schema, own: dict[str, Any], counter: Counter | None) -> pa.Table:
    counts = None
    if counter is not None:
        counts = pa.array(counter.count(table["text"].fill_null("").to_pylist()), pa.int64())
    columns = []
    for field in schema:
        if field.name == COUNTED and counts is not None:
            columns.append(counts)
        elif field.name in own:
            value = own[field.name]
            columns.append(pa.array(value if isinstance(value, np.ndarray) else [value] * table.num_rows, field.type))
        else:
            stored = COUNTED if field.name == ESTIMATED and ESTIMATED not in table.schema.names else field.name
            columns.append(table[stored].cast(field.type))
    return pa.table(columns, schema=schema)


def _write_parquet(path: Path, schema: pa.Schema, tables: Iterator[pa.Table]) -> None:
    whole = path.with_name("whole")
    with ShardWriter(whole, schema, min_rows=1 << 62) as writer:
        for table in tables:
            writer.append(table)
    (written,) = writer.written
    (whole / written.path).rename(path)
    whole.rmdir()


def _write_lines(path: Path, schema: pa.Schema, tables: Iterator[pa.Table]) -> None:
    import orjson
    import zstandard

    with path.open("wb") as file, zstandard.ZstdCompressor(level=3, write_checksum=True).stream_writer(file) as out:
        for table in tables:
            for begin in range(0, table.num_rows, _LINES):
                for row in table.slice(begin, _LINES).to_pylist():
                    out.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


class _Source:
    """The documents of a run, by their position over all shards."""

    def __init__(self, shards: list[Path]) -> None:
        self._shards = shards
        firsts, places = [0], []
        for number, shard in enumerate(shards):
            metadata = pq.read_metadata(shard)
            for group in range(metadata.num_row_groups):
                places.append((number, group))
                firsts.append(firsts[-1] + metadata.row_group(group).num_rows)
        self._places = places
        self._firsts = np.array(firsts)  # [row groups + 1] position of each group's first document
        self.schema = pq.read_schema(shards[0]).remove_metadata()

    def gather(self, positions: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
        """Their rows, in the order given, which ascends but for a few places: each ascending stretch is read once."""
        turns = [0, *(np.flatnonzero(np.diff(positions) < 0) + 1).tolist(), len(positions)]
        for begin, end in pairwise(turns):
            stretch = positions[begin:end]
            groups = np.searchsorted(self._firsts, stretch, side="right") - 1
            cuts = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(stretch)]
            for low, high in pairwise(cuts):
                if low == high:
                    continue
                shard, group = self._places[groups[low]]
                with pq.ParquetFile(self._shards[shard]) as file:
                    table = file.read_row_group(group)
                yield table.take(pa.array(stretch[low:high] - self._firsts[groups[low]]))
