"""The published rules: runs of shared n-grams, and how much of an item they cover."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.contamination.match_index import Index
from curate.contamination.match_scan import Seen
from curate.segment.types import Offsets

Flags = NDArray[np.bool_]


class Places(NamedTuple):
    """Every pair of a document's n-gram and the same one in a part."""

    doc: NDArray[np.int64]  # [pairs]
    part: NDArray[np.int32]
    token: NDArray[np.int64]  # where it begins in the document
    place: NDArray[np.int64]  # where it begins in the part

    def take(self, order: NDArray[np.int64]) -> Places:
        """In another order."""
        return Places._make(column[order] for column in self)


class Runs(NamedTuple):
    """Stretches of tokens that stand in the document as they do in the part, the longest that n-grams show."""

    doc: NDArray[np.int64]  # [runs]
    part: NDArray[np.int32]
    begin: NDArray[np.int64]  # tokens of the document
    end: NDArray[np.int64]
    item_begin: NDArray[np.int64]  # tokens of the part
    item_end: NDArray[np.int64]
    covered: NDArray[np.float64]  # share of the part's tokens that lie in some run of this document
    longest: NDArray[np.float64]  # share of the part's tokens in this document's longest run


def places(index: Index, seen: Seen, taken: Flags) -> Places:
    """All pairs for the grams that are `taken` [grams]."""
    arrays = _places(seen.first, seen.token, seen.gram, index.first_place, index.place_part, index.place_token, taken)
    return Places(*arrays)


def runs(index: Index, seen: Seen, taken: Flags) -> Runs:
    """Runs by document and part, in the order of the text."""
    found = places(index, seen, taken)
    order = np.lexsort((found.token, found.token - found.place, found.part, found.doc))
    return Runs(*_runs(*found.take(order), index.first_token, index.n))


@njit(cache=True)
def _places(
    first: Offsets,
    token: NDArray[np.int32],
    gram: NDArray[np.int32],
    first_place: Offsets,
    place_part: NDArray[np.int32],
    place_token: NDArray[np.int32],
    taken: Flags,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    count = 0
    for i in range(len(gram)):
        if taken[gram[i]]:
            count += first_place[gram[i] + 1] - first_place[gram[i]]
    doc = np.empty(count, dtype=np.int64)
    part = np.empty(count, dtype=np.int32)
    at = np.empty(count, dtype=np.int64)
    place = np.empty(count, dtype=np.int64)
    n = 0
    for d in range(len(first) - 1):
        for i in range(first[d], first[d + 1]):
            if not taken[gram[i]]:
                continue
            for j in range(first_place[gram[i]], first_place[gram[i] + 1]):
                doc[n] = d
                part[n] = place_part[j]
                at[n] = token[i]
                place[n] = place_token[j]
                n += 1
    return doc, part, at, place


@njit(cache=True)
def _runs(
    doc: NDArray[np.int64],
    part: NDArray[np.int32],
    token: NDArray[np.int64],
    place: NDArray[np.int64],
    first_token: Offsets,
    n: int,
) -> tuple[
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.float64],
    NDArray[np.float64],
]:
    pairs = len(doc)
    of = np.empty(pairs, dtype=np.int64)  # the first pair of each run
    last = np.empty(pairs, dtype=np.int64)
    covered = np.zeros(pairs, dtype=np.float64)
    longest = np.zeros(pairs, dtype=np.float64)
    size = 1
    for i in range(len(first_token) - 1):
        size = max(size, first_token[i + 1] - first_token[i])
    mark = np.zeros(size, dtype=np.bool_)
    count = 0
    i = 0
    while i < pairs:
        group = count
        stop = i
        while stop < pairs and doc[stop] == doc[i] and part[stop] == part[i]:
            stop += 1
        length = first_token[part[i] + 1] - first_token[part[i]]
        mark[:length] = False
        longest_run = np.int64(0)
        while i < stop:
            of[count] = i
            while i + 1 < stop and token[i + 1] - token[i] == place[i + 1] - place[i] and token[i + 1] <= token[i] + n:
                i += 1
            last[count] = i
            mark[place[of[count]] : place[i] + n] = True
            longest_run = max(longest_run, place[i] + n - place[of[count]])
            count += 1
            i += 1
        share = 0.0
        for at in range(length):
            share += mark[at]
        covered[group:count] = share / length
        longest[group:count] = longest_run / length
    of, last = of[:count], last[:count]
    return (
        doc[of],
        part[of],
        token[of],
        token[last] + n,
        place[of],
        place[last] + n,
        covered[:count],
        longest[:count],
    )
