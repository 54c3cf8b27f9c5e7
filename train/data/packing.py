"""Best-fit packing, planned from lengths alone: Ding et al. 2024, "Fewer Truncations Improve Language Modeling"."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from workbench.errors import UserError

Ints = npt.NDArray[np.int64]


class Plan(NamedTuple):
    """Which pieces of which documents stand in which row.

    Row r holds the pieces first[r]:first[r+1]; piece i is the positions start[i]:start[i]+length[i] of document doc[i]
    (an index into the lengths that were planned). too_long: documents that were to stay whole and do not fit.
    """

    first: Ints
    doc: Ints
    start: Ints
    length: Ints
    too_long: Ints

    @property
    def rows(self) -> int:
        return len(self.first) - 1

    def tokens(self) -> Ints:
        """The filled positions of each row. [rows]"""
        sums = np.concatenate([[0], np.cumsum(self.length)])
        return np.asarray(sums[self.first[1:]] - sums[self.first[:-1]], np.int64)

    def fill(self, width: int) -> float:
        """The share of all positions that hold a token."""
        return float(self.length.sum() / (self.rows * width)) if self.rows else 0.0


def plan(lengths: npt.ArrayLike, width: int, *, whole: bool = False) -> Plan:
    """Rows of `width` positions in which each position of each document stands exactly once.

    A document longer than a row is cut into full rows and a rest; the rests, longest first, each go into the row with
    the least room that still takes it. With `whole` nothing is cut: a longer document is left out and named in
    `too_long`. How many rows come out, and how full they are, does not depend on the order of the documents.
    """
    if width < 1:
        raise UserError(f"a row of {width} tokens holds nothing", hint="choose a context of one token or more")
    sizes = np.ascontiguousarray(lengths, np.int64)
    too_long = np.flatnonzero(sizes > width) if whole else np.zeros(0, np.int64)
    if len(too_long):
        sizes = np.where(sizes > width, 0, sizes)
    return Plan(*_plan(sizes, width), too_long)


@njit(cache=True)
def _plan(sizes: Ints, width: int) -> tuple[Ints, Ints, Ints, Ints]:
    full = 0
    count = np.zeros(width + 1, np.int64)  # rests by length
    for size in sizes:
        full += size // width
        count[size % width] += 1
    rests = len(sizes) - count[0]
    place = np.zeros(width + 1, np.int64)  # where the rests of a length go: longest first, else in the order given
    for rest in range(width - 1, 0, -1):
        place[rest - 1] = place[rest] + count[rest]
    order = np.empty(rests, np.int64)
    for doc in range(len(sizes)):
        rest = sizes[doc] % width
        if rest:
            order[place[rest]] = doc
            place[rest] += 1

    # Rows by the room left in them: stacks, and a tree above them that knows which are not empty.
    leaves = 1
    while leaves < width + 1:
        leaves *= 2
    open_rows = np.zeros(2 * leaves, np.int64)
    top = np.full(width + 1, -1, np.int64)
    below = np.empty(rests, np.int64)
    row_of = np.empty(rests, np.int64)
    rows = 0
    for item in range(rests):
        rest = sizes[order[item]] % width
        room = _least_room(open_rows, leaves, rest)
        if room < 0:
            row, room = rows, width
            rows += 1
        else:
            row = top[room]
            top[room] = below[row]
            _add(open_rows, leaves + room, -1)
        row_of[item] = row
        room -= rest
        if room:
            below[row] = top[room]
            top[room] = row
            _add(open_rows, leaves + room, 1)

    first = np.zeros(full + rows + 1, np.int64)
    doc_of = np.empty(full + rests, np.int64)
    start = np.zeros(full + rests, np.int64)
    length = np.full(full + rests, width, np.int64)
    piece = 0
    for doc in range(len(sizes)):
        for part in range(sizes[doc] // width):
            doc_of[piece] = doc
            start[piece] = part * width
            piece += 1
            first[piece] = piece
    for item in range(rests):
        first[full + row_of[item] + 1] += 1
    for row in range(full, full + rows):
        first[row + 1] += first[row]
    free = first[full:-1].copy()
    for item in range(rests):
        doc = order[item]
        piece = free[row_of[item]]
        free[row_of[item]] += 1
        doc_of[piece] = doc
        start[piece] = sizes[doc] // width * width
        length[piece] = sizes[doc] % width
    return first, doc_of, start, length


@njit(cache=True)
def _add(tree: Ints, node: int, by: int) -> None:
    while node:
        tree[node] += by
        node //= 2


@njit(cache=True)
def _least_room(tree: Ints, leaves: int, rest: int) -> int:
    """The smallest room of at least `rest` that a row has left, or -1."""
    node = leaves + rest
    while not tree[node]:
        while node % 2:  # a right child: nothing larger below its parent
            node //= 2
        if not node:
            return -1
        node += 1
    while node < leaves:
        node *= 2
        if not tree[node]:
            node += 1
    return node - leaves
