"""Rows of fixed width in sorted runs on disk, with sparse samples: any range of keys is read alone, from all runs.

A file holds one run after the other; beside it `.index.npz` has where each run begins and the key of every
`SAMPLE`-th row. Samples also say where to cut the keys so that every range has about the same number of rows,
whatever the keys are like: that is how later steps get partitions that fit their memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

SAMPLE = 4096
TOP = 1 << 64  # above every key
_GAP = 4096  # bytes that are rather read in vain than by another call
_BLOCK = 1 << 20

Rows = NDArray[Any]  # a structured array; its field `key` is uint64


class RunWriter:
    """Writes runs of rows that are sorted by `key`; memory is that of what is written at once."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._path = path
        self._dtype = dtype
        self._file = path.open("wb")
        self._begins = [0]
        self._rows = 0
        self._samples: list[NDArray[np.int64]] = []
        self._keys: list[NDArray[np.uint64]] = []

    def append(self, rows: Rows) -> None:
        """Adds to the run that is open; its keys must not be lower than those before."""
        self._file.write(np.ascontiguousarray(rows, self._dtype).tobytes())
        done = self._rows - self._begins[-1]
        at = np.arange(-done % SAMPLE, len(rows), SAMPLE)
        self._samples.append(at + self._rows)
        self._keys.append(rows["key"][at])
        self._rows += len(rows)

    def end(self) -> None:
        """Ends a run: lower keys may follow."""
        if self._rows > self._begins[-1]:
            self._begins.append(self._rows)

    def close(self) -> None:
        """Writes the index."""
        self.end()
        self._file.close()
        np.savez(
            _index(self._path),
            begins=np.array(self._begins, np.int64),
            rows=np.concatenate([np.empty(0, np.int64), *self._samples]),
            keys=np.concatenate([np.empty(0, np.uint64), *self._keys]),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()


def _index(path: Path) -> Path:
    return path.with_name(f"{path.name}.index.npz")


class _Index(NamedTuple):
    begins: NDArray[np.int64]  # [runs + 1]
    rows: NDArray[np.int64]  # [samples]
    keys: NDArray[np.uint64]  # [samples]


def _load(path: Path) -> _Index:
    with np.load(_index(path)) as arrays:
        return _Index(arrays["begins"], arrays["rows"], arrays["keys"])


def count(paths: Sequence[Path]) -> int:
    """Rows of all files."""
    return sum(int(_load(path).begins[-1]) for path in paths)


def read(paths: Sequence[Path], dtype: np.dtype[Any], begin: int = 0, end: int = TOP) -> Rows:
    """Rows with begin <= key < end: those of the first file's first run, then of its second, and so on."""
    parts = [np.empty(0, dtype)]
    for path in paths:
        index = _load(path)
        with path.open("rb") as file:
            for low, high in zip(index.begins[:-1].tolist(), index.begins[1:].tolist(), strict=True):
                part = _read_run(file.fileno(), dtype, index, (low, high), (begin, end))
                if len(part):
                    parts.append(part)
    return parts[1] if len(parts) == 2 else np.concatenate(parts)


def _read_run(source: int, dtype: np.dtype[Any], index: _Index, run: tuple[int, int], span: tuple[int, int]) -> Rows:
    low, high = int(np.searchsorted(index.rows, run[0])), int(np.searchsorted(index.rows, run[1]))
    rows, keys = index.rows[low:high], index.keys[low:high]
    after = int(np.searchsorted(keys, np.uint64(span[0])))
    start = int(rows[max(after - 1, 0)])
    stop = run[1]
    if span[1] < TOP:
        beyond = int(np.searchsorted(keys, np.uint64(span[1])))
        stop = int(rows[beyond]) if beyond < len(rows) else stop
    if stop <= start:
        return np.empty(0, dtype)
    found = np.empty(stop - start, dtype)
    read_at(source, start * dtype.itemsize, found.view(np.uint8))
    low = int(np.searchsorted(found["key"], np.uint64(span[0])))
    high = int(np.searchsorted(found["key"], np.uint64(span[1]))) if span[1] < TOP else len(found)
    return found[low:high]


def read_at(source: int, begin: int, out: NDArray[np.uint8]) -> None:
    """Fill `out` with the bytes of a file from `begin` on."""
    view, done = memoryview(out.data), 0
    while done < len(view):
        part = os.preadv(source, [view[done:]], begin + done)
        if not part:
            raise EOFError(f"a file ends at {begin + done} where {begin + len(view)} bytes were written")
        done += part


def cuts(paths: Sequence[Path], rows: int) -> list[tuple[int, int]]:
    """Ranges of keys, ascending and covering all, each with about `rows` rows (a key is never divided)."""
    keys = np.sort(np.concatenate([np.empty(0, np.uint64), *(_load(path).keys for path in paths)]))
    step = max(1, rows // SAMPLE)
    inner = distinct(keys[step::step]).tolist()
    return list(zip([0, *inner], [*inner, TOP], strict=True))


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """The different values, ascending. (`np.unique` hashes integers, which takes many times longer.)"""
    values = np.sort(values)
    stays = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=stays[1:])
    return values[stays]


def contains(ascending: NDArray[Any], values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of the values are among the ascending ones."""
    if not len(ascending):
        return np.zeros(len(values), np.bool_)
    at = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return np.asarray(ascending[at] == values)


def gather(source: int, begin: NDArray[np.int64], length: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Fill `out` with pieces of a file, one after the other; `begin` ascends. Neighbours are read by one call."""
    at = np.zeros(len(begin) + 1, np.int64)
    np.cumsum(length, out=at[1:])
    if not len(begin):
        return
    end = begin + length
    far = np.concatenate([[True], begin[1:] - end[:-1] > _GAP])
    since = begin - begin[np.maximum.accumulate(np.where(far, np.arange(len(begin)), 0))]
    far[1:] |= np.diff(since // _BLOCK) > 0
    starts = np.flatnonzero(far)
    for low, high in zip(starts.tolist(), [*starts[1:].tolist(), len(begin)], strict=True):
        first, last = int(begin[low]), int(end[high - 1])
        data = np.empty(last - first, np.uint8)
        read_at(source, first, data)
        _place(data, begin[low:high] - first, at[low : high + 1], out)


@njit(cache=True)
def _place(data: NDArray[np.uint8], begin: NDArray[np.int64], at: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    for i in range(len(begin)):
        for k in range(at[i + 1] - at[i]):
            out[at[i] + k] = data[begin[i] + k]
