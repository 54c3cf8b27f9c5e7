"""Files of sorted fixed-width rows (`.npy`), read by key ranges: what the exchanges of repeated text sort and join.

A range of keys is found by binary search on the disk and read alone, so that a worker holds no more of many files than
the share of the keys that it was given. Files are not mapped: mapped pages count as a process's resident memory.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]  # of a structured type
Key = tuple[int, ...]

_SAMPLES = 64  # keys of a file that are looked at to cut ranges of like size


class Range(NamedTuple):
    """Keys from `begin` up to, but not with, `end`; None is open."""

    begin: Key | None
    end: Key | None


class RowFile:
    """One file of rows, sorted by its first `keys` columns, all unsigned integers."""

    def __init__(self, path: Path, keys: int) -> None:
        self._path = path
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, self.dtype = np.lib.format.read_array_header_1_0(file)
            self.offset = file.tell()  # of the first row
        self.rows = int(shape[0])
        self._keys = (self.dtype.names or ())[:keys]

    def read(self, within: Range) -> Rows:
        """The rows of a range of keys."""
        with self._path.open("rb", buffering=0) as file:
            places = _Places(self, file.fileno())
            begin = 0 if within.begin is None else bisect_left(places, within.begin)
            end = self.rows if within.end is None else bisect_left(places, within.end, lo=begin)
            file.seek(self.offset + begin * self.dtype.itemsize)
            return np.fromfile(file, self.dtype, end - begin)

    def sample(self) -> list[Key]:
        """Keys at even distances."""
        step = max(1, self.rows // _SAMPLES)
        with self._path.open("rb", buffering=0) as file:
            places = _Places(self, file.fileno())
            return [places[at] for at in range(step // 2, self.rows, step)]

    def key(self, descriptor: int, at: int) -> Key:
        """The key of one row of the open file."""
        data = os.pread(descriptor, self.dtype.itemsize, self.offset + at * self.dtype.itemsize)
        row = np.frombuffer(data, self.dtype)
        return tuple(int(row[name][0]) for name in self._keys)


class _Places(Sequence[Key]):
    """The keys of an open file as a sequence that is read where it is looked at."""

    def __init__(self, rows: RowFile, descriptor: int) -> None:
        self._rows = rows
        self._descriptor = descriptor

    def __len__(self) -> int:
        return self._rows.rows

    def __getitem__(self, at: Any) -> Any:
        return self._rows.key(self._descriptor, at)


def ranges(files: Sequence[RowFile], rows: int) -> list[Range]:
    """Ranges that cover all keys, each of about so many rows of all files together (more where one key has more)."""
    samples = sorted((key, max(1, file.rows // _SAMPLES)) for file in files for key in file.sample())
    cuts: list[Key] = []
    held = 0
    for key, weight in samples:
        if held and held + weight > rows and (not cuts or key > cuts[-1]):
            cuts.append(key)
            held = 0
        held += weight
    return [Range(*edges) for edges in zip([None, *cuts], [*cuts, None], strict=True)]
