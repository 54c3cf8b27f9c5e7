"""Candidate pairs: nodes whose documents meet in a band's bucket, and nodes that share an address.

Documents collapse to their distinct nodes first. A bucket of up to `FULL` nodes gives all its pairs; of a larger one
every node is paired with the `FULL` lowest, so that a bucket costs no more than `FULL` times its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.duplicates.corpus import Corpus
from curate.duplicates.groups import by_key, same_as_before
from curate.duplicates.nodes import NONE, DocumentNodes
from curate.duplicates.runs import RunWriter, distinct
from workbench.units import Report, Work

FULL = 64
PAIRS = "pairs.run"
# A pair is one number: the lower node in its upper half, the higher one in the lower.
PAIR = np.dtype([("key", "<u8")])
HALF = np.uint64(32)


class PairWriter:
    """Writes the pairs of buckets as sorted runs of distinct codes; memory: three times `room` codes."""

    def __init__(self, path: Path, room: int) -> None:
        self._runs = RunWriter(path, PAIR)
        self._codes = np.empty(max(room, FULL), np.uint64)
        self._filled = 0

    def write(self, first: NDArray[np.int64], values: NDArray[np.uint64]) -> None:
        """Adds the pairs of buckets `values[first[i]:first[i + 1]]`, each node doubled, odd where it is old."""
        bucket, at = 0, 1
        while True:
            bucket, at, self._filled = emit(first, values, bucket, at, self._codes, self._filled)
            if bucket == len(first) - 1:
                return
            self._flush()

    def _flush(self) -> None:
        self._runs.append(distinct(self._codes[: self._filled]).view(PAIR))
        self._runs.end()
        self._filled = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self._flush()
        self._runs.__exit__(kind, *error)


@njit(cache=True)
def emit(
    first: NDArray[np.int64],
    values: NDArray[np.uint64],
    bucket: int,
    at: int,
    out: NDArray[np.uint64],
    filled: int,
) -> tuple[int, int, int]:
    """Append pairs to `out` from the `at`-th node of a bucket on; returns where it stopped for want of room.

    Nodes ascend within a bucket. Pairs of two old nodes are left out.
    """
    one = np.uint64(1)
    while bucket < len(first) - 1:
        begin = first[bucket]
        while at < first[bucket + 1] - begin:
            partners = min(at, FULL)
            if filled + partners > len(out):
                return bucket, at, filled
            right = values[begin + at]
            for i in range(partners):
                left = values[begin + i]
                if not (left & right & one):
                    out[filled] = ((left >> one) << HALF) | (right >> one)
                    filled += 1
            at += 1
        bucket += 1
        at = 1
    return bucket, at, filled


@njit(cache=True)
def collapse(same: NDArray[np.bool_], values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Distinct nodes of each bucket, moved to the front of `values` in ascending order; lone nodes are left out.

    same[i]: whether value i + 1 has the key of value i. Returns where the buckets begin, [buckets + 1].
    A node is new in a bucket if any of its values there is even.
    """
    one = np.uint64(1)
    buckets = 0
    for i in range(len(same)):
        if same[i] and (i == 0 or not same[i - 1]):
            buckets += 1
    first = np.zeros(buckets + 1, np.int64)
    found = 0
    filled = 0
    begin = 0
    while begin < len(values):
        end = begin + 1
        while end < len(values) and same[end - 1]:
            end += 1
        if end - begin > 1:
            if end - begin > 2:
                values[begin:end].sort()
            elif values[begin] > values[begin + 1]:
                values[begin], values[begin + 1] = values[begin + 1], values[begin]
            start = filled
            for i in range(begin, end):
                if filled == start or values[filled - 1] >> one != values[i] >> one:
                    values[filled] = values[i]
                    filled += 1
            if filled - start > 1:
                found += 1
                first[found] = filled
            else:
                filled = start
        begin = end
    return first[: found + 1]


@contextmanager
def join_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Some [space, begin, end] ranges of keys; writes the pairs of nodes that meet there."""
    corpus = Corpus.load(Path(setup["corpus"]))
    nodes = DocumentNodes([Path(path) for path in setup["nodes"]], setup["firsts"])

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        counts = {"records": 0, "buckets": 0, "largest": 0, "cut": 0}
        with PairWriter(out / PAIRS, setup["room"]) as pairs:
            for done, (space, begin, end) in enumerate(payload["pieces"]):
                report(done / len(payload["pieces"]), records=counts["records"])
                first, values, rows = _buckets(corpus, nodes, space, begin, end)
                sizes = np.diff(first)
                counts["records"] += rows
                counts["buckets"] += len(sizes)
                counts["largest"] = max(counts["largest"], int(sizes.max(initial=0)))
                counts["cut"] += int((sizes > FULL).sum())
                pairs.write(first, values)
        return counts

    yield work


def _buckets(
    corpus: Corpus, nodes: DocumentNodes, space: int, begin: int, end: int
) -> tuple[NDArray[np.int64], NDArray[np.uint64], int]:
    highs, lows, values = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for found in corpus.keys(space, begin, end):
        here = nodes.read(int(corpus.first[found.unit]), int(corpus.first[found.unit + 1]))[found.keys.row]
        old = (found.docs < corpus.since).astype(np.uint64)
        has = here != NONE
        highs.append(found.keys.key[has])
        lows.append(found.keys.low[has])
        values.append(((here.astype(np.uint64) << np.uint64(1)) | old)[has])
    high, low, value = np.concatenate(highs), np.concatenate(lows), np.concatenate(values)
    del highs, lows, values
    order = by_key(high, low)
    value = value[order]
    first = collapse(same_as_before(high[order], low[order]), value)
    return first, value[: first[-1]], len(value)
