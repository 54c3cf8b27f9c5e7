"""The signed documents of one work unit on disk: keys sorted so that any range is read alone, and the shingle sets.

keys.parquet  space, key, low, row: sorted so; row groups hold one space and at most 8192 rows, with statistics
sets.u32      the shingle sets, one document after the other, little-endian
sets.npy      int64[docs + 1]: where each document's set begins
unit.json     documents, keys of each space, oversized documents, and a digest of it all
"""

from __future__ import annotations

import json
from bisect import bisect_left
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from curate.duplicates.config import MAX_BANDS
from curate.duplicates.types import BAND, SET, TEXT, URL, Signed

KEYS, SETS, FIRST, SUMMARY = "keys.parquet", "sets.u32", "sets.npy", "unit.json"
GROUP_ROWS = 8192
_SCHEMA = pa.schema([("space", pa.uint8()), ("key", pa.uint64()), ("low", pa.uint64()), ("row", pa.uint32())])


class Keys(NamedTuple):
    """Keys of one space, sorted by (key, low, row)."""

    key: NDArray[np.uint64]
    low: NDArray[np.uint64]
    row: NDArray[np.uint32]


class Summary(NamedTuple):
    """What a unit holds."""

    docs: int
    bands: int
    keys: list[int]  # rows of each space
    shingles: int
    oversized: list[int]  # rows
    digest: str  # of keys and sets


class UnitWriter:
    """Writes a unit batch by batch: sets go to the disk at once, keys are held (for each document 60 bytes, and 20 a
    band).

    As a context manager it closes on success; after an exception the files are unfinished and without `unit.json`.
    """

    def __init__(self, directory: Path, bands: int) -> None:
        if bands > MAX_BANDS:
            raise ValueError(f"{bands} bands are more than {MAX_BANDS}")
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._bands = bands
        self._held: list[list[Keys]] = [[] for _ in range(BAND + bands)]
        self._sizes: list[NDArray[np.int64]] = []
        self._oversized: list[int] = []
        self._docs = 0
        self._digest = xxhash.xxh3_128()
        self._sets = (directory / SETS).open("wb")

    def write(self, signed: Signed) -> None:
        """Adds the next documents; raises ValueError where the arrays do not fit each other."""
        docs = len(signed.first) - 1
        if signed.first[0] != 0 or signed.first[-1] != len(signed.shingles):
            raise ValueError("the shingles are not those that `first` tells of")
        for space, keys in ((TEXT, signed.text), (URL, signed.url), (SET, signed.set)):
            if keys.shape != (docs, 2):
                raise ValueError(f"keys of shape {keys.shape} for {docs} documents")
            here = np.flatnonzero(keys.any(axis=1))
            self._held[space].append(Keys(keys[here, 0], keys[here, 1], self._rows(here)))
        if signed.bands.shape != (docs, self._bands):
            raise ValueError(f"bands of shape {signed.bands.shape} for {docs} documents and {self._bands} bands")
        here = np.flatnonzero(signed.set.any(axis=1))
        for band in range(self._bands):
            self._held[BAND + band].append(
                Keys(signed.bands[here, band], np.zeros(len(here), np.uint64), self._rows(here))
            )
        data = np.ascontiguousarray(signed.shingles, "<u4").tobytes()
        self._sets.write(data)
        self._digest.update(data)
        self._sizes.append(np.diff(signed.first).astype(np.int64))
        self._oversized += self._rows(np.flatnonzero(signed.oversized)).tolist()
        self._docs += docs

    def _rows(self, here: NDArray[np.int64]) -> NDArray[np.uint32]:
        return (here + self._docs).astype(np.uint32)

    def close(self) -> None:
        """Sorts and writes the keys, and last of all `unit.json`."""
        self._sets.close()
        first = np.zeros(self._docs + 1, np.int64)
        np.cumsum(np.concatenate([np.empty(0, np.int64), *self._sizes]), out=first[1:])
        np.save(self._directory / FIRST, first)
        self._digest.update(first.astype("<i8").tobytes())
        counts = []
        with pq.ParquetWriter(
            self._directory / KEYS,
            _SCHEMA,
            compression="lz4",
            use_dictionary=["space"],
            write_statistics=["space", "key"],
        ) as writer:
            for space, held in enumerate(self._held):
                keys = _sorted(held)
                held.clear()
                counts.append(len(keys.key))
                for array in (np.array([space, len(keys.key)], np.uint64), *keys):
                    self._digest.update(array.tobytes())
                if len(keys.key):
                    columns = [np.full(len(keys.key), space, np.uint8), *keys]
                    writer.write_table(pa.table(columns, schema=_SCHEMA), row_group_size=GROUP_ROWS)
        summary = Summary(self._docs, self._bands, counts, int(first[-1]), self._oversized, self._digest.hexdigest())
        (self._directory / SUMMARY).write_text(json.dumps(summary._asdict()) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._sets.close()


def _sorted(parts: list[Keys]) -> Keys:
    if not parts:
        return Keys(np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.uint32))
    keys = Keys(*map(np.concatenate, zip(*parts, strict=True)))
    order = np.lexsort((keys.row, keys.low, keys.key))
    return _taken(keys, order)


def _taken(keys: Keys, index: Any) -> Keys:
    return Keys(keys.key[index], keys.low[index], keys.row[index])


def read_summary(directory: Path) -> Summary:
    """What the unit holds, from `unit.json`."""
    fields: dict[str, Any] = json.loads((directory / SUMMARY).read_bytes())
    return Summary(**fields)


def read_keys(directory: Path, space: int, begin: int = 0, end: int = 1 << 64) -> Keys:
    """The keys of a space with begin <= key < end; only the row groups that can hold some are read."""
    with pq.ParquetFile(directory / KEYS) as file:
        groups = _groups(file.metadata, space, begin, end)
        table = file.read_row_groups(groups, columns=["key", "low", "row"], use_threads=False)
    keys = Keys(*(column.to_numpy() for column in table.columns))
    low = int(np.searchsorted(keys.key, np.uint64(begin))) if begin else 0
    high = int(np.searchsorted(keys.key, np.uint64(end))) if end < 1 << 64 else len(keys.key)
    return _taken(keys, slice(low, high))


def _groups(metadata: Any, space: int, begin: int, end: int) -> range:
    """The row groups that can hold such keys: they are sorted, so two binary searches find them."""
    groups = range(metadata.num_row_groups)

    def bound(group: int, which: str) -> tuple[int, int]:
        columns = metadata.row_group(group)
        return columns.column(0).statistics.min, getattr(columns.column(1).statistics, which)

    low = bisect_left(groups, (space, begin), key=lambda group: bound(group, "max"))
    return range(low, bisect_left(groups, (space, end), lo=low, key=lambda group: bound(group, "min")))


def read_set(directory: Path, row: int) -> NDArray[np.uint32]:
    """The sorted distinct shingle hashes of one document."""
    first = np.load(directory / FIRST, mmap_mode="r")
    begin, end = int(first[row]), int(first[row + 1])
    return np.fromfile(directory / SETS, "<u4", end - begin, offset=4 * begin).astype(np.uint32)


_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), "<u2")


def hex_keys(
    high: NDArray[np.uint64], low: NDArray[np.uint64], valid: NDArray[np.bool_] | None = None
) -> pa.StringArray:
    """128-bit keys as 32 hex digits, in the order of the keys; null where not `valid`."""
    halves = np.empty((len(high), 2), ">u8")
    halves[:, 0], halves[:, 1] = high, low
    if valid is None:
        valid = np.ones(len(high), np.bool_)
    digits = _HEX[halves[valid].view(np.uint8)]
    offsets = np.concatenate([[0], np.cumsum(np.where(valid, 32, 0))]).astype(np.int32)
    bits = np.packbits(valid, bitorder="little")
    return pa.StringArray.from_buffers(
        len(high), pa.py_buffer(offsets), pa.py_buffer(digits), pa.py_buffer(bits), int((~valid).sum())
    )
