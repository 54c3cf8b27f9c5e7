"""The texts of many units, read piece by piece from their flat files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from curate.duplicates.repeats.passages import DOC, DOCS, TEXTS
from curate.duplicates.repeats.rows import RowFile

_OPEN = 200  # files open at a time


class Texts:
    """Reads code points by unit and place. As a context manager it closes its files."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self._directories = directories
        self._open: dict[Path, int] = {}

    def pieces(self, unit: NDArray[np.int64], place: NDArray[np.uint64], begin: NDArray[np.int64],
               end: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:  # fmt: skip
        """Stretches of texts: their code points one after the other, and where each begins [pieces + 1]."""
        first = np.concatenate([[0], np.cumsum(end - begin)]).astype(np.int64)
        codes = np.empty(first[-1], np.uint32)
        columns = (unit, place, begin, end, first[:-1])
        for number, packed, start, stop, to in zip(*(column.tolist() for column in columns), strict=True):
            codes[to : to + stop - start] = self._piece(number, packed, start, stop)
        return codes, first

    def text(self, unit: int, row: int) -> NDArray[np.uint32]:
        """One whole text."""
        path = self._directories[unit] / DOCS
        offset = RowFile(path, 0).offset + row * DOC.itemsize
        doc = np.frombuffer(os.pread(self._descriptor(path), DOC.itemsize, offset), DOC)[0]
        return self._piece(unit, int(doc["place"]), 0, int(doc["chars"])).astype(np.uint32)

    def _piece(self, unit: int, packed: int, begin: int, end: int) -> NDArray[np.unsignedinteger]:
        offset, width = divmod(packed, 8)
        descriptor = self._descriptor(self._directories[unit] / TEXTS)
        data = os.pread(descriptor, (end - begin) * width, offset + begin * width)
        return np.frombuffer(data, f"<u{width}")

    def _descriptor(self, path: Path) -> int:
        if path not in self._open:
            if len(self._open) >= _OPEN:
                self._close()
            self._open[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return self._open[path]

    def _close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
