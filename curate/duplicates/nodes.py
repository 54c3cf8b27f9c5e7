"""Nodes: the distinct shingle sets, numbered by the rank of their key, and the node of each document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.duplicates.runs import Rows, gather, read_at

# A node: its key, the document that lends its set (unit, begin and length in shingles), and whether any document of it
# is new.
NODE = np.dtype([("high", "<u8"), ("low", "<u8"), ("start", "<u8"), ("unit", "<u4"), ("size", "<u4"), ("new", "<u1")])
NONE = np.uint32(0xFFFFFFFF)
MAX_NODES = int(NONE)  # a pair of nodes is one 64-bit code


class NodeTable:
    """The table of all nodes, in files of consecutive ranks."""

    def __init__(self, paths: Sequence[Path], counts: Sequence[int]) -> None:
        self._paths = list(paths)
        self.first = np.zeros(len(paths) + 1, np.int64)  # [files + 1] rank of each file's first node
        np.cumsum(counts, out=self.first[1:])

    @property
    def nodes(self) -> int:
        """How many there are."""
        return int(self.first[-1])

    def take(self, nodes: NDArray[np.uint32]) -> Rows:
        """The rows of some nodes, given in ascending order."""
        edges = np.searchsorted(nodes, self.first).tolist()
        rows = np.empty(len(nodes), NODE)
        for number, path in enumerate(self._paths):
            here = nodes[edges[number] : edges[number + 1]].astype(np.int64) - self.first[number]
            if len(here):
                with path.open("rb") as file:
                    width = np.full(len(here), NODE.itemsize, np.int64)
                    out = rows[edges[number] : edges[number + 1]].view(np.uint8)
                    gather(file.fileno(), here * NODE.itemsize, width, out)
        return rows


class DocumentNodes:
    """The node of every document, in files of consecutive documents."""

    def __init__(self, paths: Sequence[Path], first: Sequence[int]) -> None:
        self._paths = list(paths)
        self._first = list(first)  # [files + 1]

    def read(self, begin: int, end: int) -> NDArray[np.uint32]:
        """Nodes of the documents from `begin` to before `end`; NONE for those without a set."""
        parts: list[NDArray[Any]] = [np.empty(0, np.uint32)]
        for path, low, high in zip(self._paths, self._first[:-1], self._first[1:], strict=True):
            start, stop = max(begin, low), min(end, high)
            if start < stop:
                with path.open("rb") as file:
                    part = np.empty(stop - start, "<u4")
                    read_at(file.fileno(), 4 * (start - low), part.view(np.uint8))
                parts.append(part)
        return parts[1] if len(parts) == 2 else np.concatenate(parts)
