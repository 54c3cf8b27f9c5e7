"""Scanning: the n-grams of documents that stand in the index, and in how many documents each one stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.contamination.match_index import Index, mixed, power, rolled
from curate.segment import Words
from curate.segment.kernels import helper, longer
from curate.segment.types import Ids, Offsets


class Seen(NamedTuple):
    """N-grams of a batch of documents that some item has: all that is kept of a document until weights are known."""

    first: NDArray[np.int64]  # [docs + 1] hits of document d are first[d]:first[d + 1]
    token: NDArray[np.int32]  # [hits] token of the document where the n-gram begins
    gram: NDArray[np.int32]  # [hits]

    @property
    def docs(self) -> int:
        """Number of documents."""
        return len(self.first) - 1

    def save(self, directory: Path) -> None:
        """One `.npy` file for each array."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, array in self._asdict().items():
            np.save(directory / f"{name}.npy", array)

    @classmethod
    def load(cls, directory: Path) -> Seen:
        """What `save` wrote."""
        return cls(*(np.load(directory / f"{name}.npy") for name in cls._fields))

    def of(self, wanted: NDArray[np.bool_]) -> Seen:
        """The same documents, of which only those wanted, bool[docs], have hits."""
        sizes = np.diff(self.first)
        keep = np.repeat(wanted, sizes)
        first = np.concatenate([[0], np.cumsum(np.where(wanted, sizes, 0))]).astype(np.int64)
        return Seen(first, self.token[keep], self.gram[keep])

    def slice(self, begin: int, end: int) -> Seen:
        """Documents `begin` to `end`."""
        first = self.first[begin : end + 1]
        return Seen(first - first[0], self.token[first[0] : first[-1]], self.gram[first[0] : first[-1]])


def joined(parts: Sequence[Seen]) -> Seen:
    """Batches one after the other as one."""
    sizes: list[NDArray[np.int64]] = [np.zeros(1, dtype=np.int64), *(np.diff(part.first) for part in parts)]
    empty = np.empty(0, dtype=np.int32)
    return Seen(
        np.cumsum(np.concatenate(sizes)),
        np.concatenate([empty, *(part.token for part in parts)]),
        np.concatenate([empty, *(part.gram for part in parts)]),
    )


def scan(index: Index, found: Words) -> Seen:
    """Every n-gram of the documents that is in the index, in the order of the text."""
    return Seen(*_scan(found.ids, found.first, index.n, index.keys, index.grams, index.filter))


def document_counts(seen: Seen, grams: int) -> NDArray[np.int64]:
    """In how many of the documents each gram of the index stands, int64[grams]."""
    return _document_counts(seen.first, seen.gram, grams)


@njit(cache=True)
def _scan(
    ids: Ids, first: Offsets, n: int, keys: NDArray[np.uint64], grams: NDArray[np.int32], bits: NDArray[np.uint64]
) -> tuple[Offsets, NDArray[np.int32], NDArray[np.int32]]:
    of = np.zeros(len(first), dtype=np.int64)
    token = np.empty(1024, dtype=np.int32)
    gram = np.empty(1024, dtype=np.int32)
    top = power(n)
    shift = np.uint64(64)
    slots = len(keys)
    while slots > 1:
        slots >>= 1
        shift -= np.uint64(1)
    mask = np.uint64(64 * len(bits) - 1)
    hits = 0
    for d in range(len(first) - 1):
        state = np.uint64(0)
        for i in range(first[d], first[d + 1]):
            state = rolled(state, ids[i])
            begin = i - n + 1
            if begin < first[d]:
                continue
            key = mixed(state)
            bit = key & mask
            if (bits[bit >> np.uint64(6)] >> (bit & np.uint64(63))) & np.uint64(1):
                at = _find(keys, key, shift)
                if at >= 0:
                    if hits == len(token):
                        token, gram = longer(token), longer(gram)
                    token[hits] = begin - first[d]
                    gram[hits] = grams[at]
                    hits += 1
            state -= ids[begin] * top
        of[d + 1] = hits
    return of, token[:hits], gram[:hits]


@helper
def _find(keys, key, shift):  # type: ignore[no-untyped-def]
    """The slot of a key, or -1; slots are taken by the highest bits."""
    last = len(keys) - 1
    slot = np.int64(key >> shift)
    while keys[slot] != 0:
        if keys[slot] == key:
            return slot
        slot = (slot + 1) & last
    return -1


@njit(cache=True)
def _document_counts(first: Offsets, gram: NDArray[np.int32], grams: int) -> NDArray[np.int64]:
    counts = np.zeros(grams, dtype=np.int64)
    last = np.full(grams, -1, dtype=np.int64)
    for d in range(len(first) - 1):
        for i in range(first[d], first[d + 1]):
            if last[gram[i]] != d:
                last[gram[i]] = d
                counts[gram[i]] += 1
    return counts
