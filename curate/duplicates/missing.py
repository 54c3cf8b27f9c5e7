"""Pairs that no bucket brought together, though a chain of near pairs connects them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from curate.duplicates.components import flatten, singletons, union
from curate.duplicates.join import FULL, PairWriter
from curate.duplicates.runs import Rows, cuts, distinct, read
from curate.duplicates.verify import VERIFIED_ROW, ends, similar

SMALLEST = 3  # a component of two nodes has its one pair


def write_missing(
    path: Path,
    verified: Sequence[Path],
    threshold: float,
    contained: float | None,
    rows: int,
    room: int,
) -> None:
    """Writes every pair within the components of near pairs of 3 to 64 nodes (those already known among them).

    rows: how many pairs to read at once. Memory besides: 12 bytes for each node that stands in a near pair.
    """

    def near() -> Iterator[Rows]:
        for begin, end in cuts(verified, rows):
            found = read(verified, VERIFIED_ROW, begin, end)
            yield found[similar(found, threshold, contained)]

    names = np.empty(0, np.uint32)
    for part in near():
        names = distinct(np.concatenate([names, *ends(part["key"])]))
    roots = singletons(len(names))
    for part in near():
        left, right = ends(part["key"])
        union(roots, np.searchsorted(names, left), np.searchsorted(names, right))
    flatten(roots)
    sizes = np.bincount(roots, minlength=len(names))
    fits = (sizes >= SMALLEST) & (sizes <= FULL)
    chosen = np.flatnonzero(fits[roots])
    chosen = chosen[np.argsort(roots[chosen], kind="stable")]
    first = np.concatenate([[0], np.cumsum(sizes[fits])])
    with PairWriter(path, room) as pairs:
        pairs.write(first, names[chosen].astype(np.uint64) << np.uint64(1))
