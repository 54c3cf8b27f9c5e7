"""Candidate pairs judged by the shingle sets themselves: how many shingles two nodes share.

Sets are read with `pread` in the order they lie on the disk, a chunk of pairs at a time; no memory map, whose pages
would count as this process's memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.duplicates.corpus import Corpus
from curate.duplicates.join import HALF, PAIR
from curate.duplicates.nodes import NodeTable
from curate.duplicates.runs import Rows, RunWriter, contains, distinct, gather, read
from curate.duplicates.store import SETS
from workbench.units import Report, Work

VERIFIED = "verified.run"
# A pair that stands: its code, the shingles its nodes share, and the sizes of their sets.
VERIFIED_ROW = np.dtype([("key", "<u8"), ("shared", "<u4"), ("left_size", "<u4"), ("right_size", "<u4")])


def jaccard(rows: Rows) -> NDArray[np.float64]:
    """|A and B| / |A or B| of verified pairs."""
    shared, left, right = (rows[name].astype(np.int64) for name in ("shared", "left_size", "right_size"))
    return np.asarray(shared / (left + right - shared))


def containment(rows: Rows) -> NDArray[np.float64]:
    """|A and B| / min(|A|, |B|) of verified pairs."""
    return np.asarray(rows["shared"] / np.minimum(rows["left_size"], rows["right_size"]))


def similar(rows: Rows, threshold: float, contained: float | None) -> NDArray[np.bool_]:
    """Which pairs are near: by Jaccard similarity, or by containment where that counts."""
    near = jaccard(rows) >= threshold
    if contained is not None:
        near |= containment(rows) >= contained
    return near


def ends(codes: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The lower and the higher node of pairs."""
    return (codes >> HALF).astype(np.uint32), codes.astype(np.uint32)


@contextmanager
def verify_step(setup: dict[str, Any]) -> Iterator[Work]:
    """A range of pair codes; writes the pairs that are near, and all that share an address.

    `bands`, `urls`: files of candidates. `known`: files of verified pairs, which are not verified again.
    """
    corpus = Corpus.load(Path(setup["corpus"]))
    table = NodeTable([Path(path) for path in setup["nodes"]], setup["counts"])
    files = {name: [Path(path) for path in setup[name]] for name in ("bands", "urls", "known")}
    threshold, contained = setup["threshold"], setup["containment"]

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        begin, end = payload["begin"], payload["end"]
        codes = distinct(read(files["bands"], PAIR, begin, end)["key"])
        urls = distinct(read(files["urls"], PAIR, begin, end)["key"])
        if len(urls):
            codes = distinct(np.concatenate([codes, urls]))
        candidates = len(codes)
        if files["known"]:
            known = np.sort(read(files["known"], VERIFIED_ROW, begin, end)["key"])
            codes = codes[~contains(known, codes)]
        left, right = ends(codes)
        names = distinct(np.concatenate([left, right]))
        nodes = table.take(names)
        one, two = np.searchsorted(names, left), np.searchsorted(names, right)
        del left, right, names
        wanted = (nodes["new"][one] | nodes["new"][two]).astype(np.bool_)
        shares_url = contains(urls, codes)
        if contained is None:
            # Sets whose sizes differ too much cannot be near: the smaller one would be wholly shared at best.
            sizes = nodes["size"][one], nodes["size"][two]
            wanted &= shares_url | (np.minimum(*sizes) / np.maximum(*sizes) >= threshold)
        codes, one, two, shares_url = codes[wanted], one[wanted], two[wanted], shares_url[wanted]
        rows = np.empty(len(codes), VERIFIED_ROW)
        rows["key"], rows["left_size"], rows["right_size"] = codes, nodes["size"][one], nodes["size"][two]
        done = 0
        with RunWriter(out / VERIFIED, VERIFIED_ROW) as writer:
            for low, high in chunks(one, two, nodes["size"].astype(np.int64), setup["room"]):
                part = rows[low:high]
                part["shared"] = _shared(corpus, nodes, one[low:high], two[low:high])
                near = similar(part, threshold, contained)
                writer.append(part[near | shares_url[low:high]])
                done += int(near.sum())
                report(high / len(codes), records=high)
        return {"records": len(codes), "candidates": candidates, "verified": done}

    yield work


def chunks(
    left: NDArray[np.int64], right: NDArray[np.int64], sizes: NDArray[np.int64], room: int
) -> Iterator[tuple[int, int]]:
    """Consecutive pairs whose nodes together hold at most `room` shingles (at least one pair each)."""
    begin = 0
    stamps = np.full(len(sizes), -1, np.int64)
    while begin < len(left):
        end = _chunk_end(left, right, sizes, room, begin, stamps)
        yield begin, end
        begin = end


@njit(cache=True)
def _chunk_end(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    sizes: NDArray[np.int64],
    room: int,
    begin: int,
    stamps: NDArray[np.int64],
) -> int:
    held = 0
    for i in range(begin, len(left)):
        for node in (left[i], right[i]):
            if stamps[node] != begin:
                stamps[node] = begin
                held += sizes[node]
        if held > room and i > begin:
            return i
    return len(left)


def _shared(corpus: Corpus, nodes: Rows, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Shingles that each pair shares; `left` and `right` are rows of `nodes`."""
    used = distinct(np.concatenate([left, right]))
    used = used[np.lexsort((nodes["start"][used], nodes["unit"][used]))]
    units = nodes["unit"][used]
    edges = [0, *(np.flatnonzero(np.diff(units)) + 1).tolist(), len(used)]
    begins, sizes = nodes["start"].astype(np.int64), nodes["size"].astype(np.int64)
    at = np.concatenate([[0], np.cumsum(sizes[used])])
    shingles = np.empty(int(at[-1]), "<u4")
    for low, high in pairwise(edges):
        here = used[low:high]
        with (corpus.units[int(units[low])].directory / SETS).open("rb") as file:
            out = shingles[at[low] : at[high]].view(np.uint8)
            gather(file.fileno(), 4 * begins[here], 4 * sizes[here], out)
    first = np.zeros(len(nodes), np.int64)
    first[used] = at[:-1]
    return intersections(shingles, first, sizes, left, right)


@njit(cache=True)
def intersections(
    shingles: NDArray[np.uint32],
    first: NDArray[np.int64],
    sizes: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> NDArray[np.uint32]:
    """Sizes of the intersections of sorted sets; set n is `shingles[first[n]:first[n] + sizes[n]]`."""
    out = np.empty(len(left), np.uint32)
    for pair in range(len(left)):
        i, i_end = first[left[pair]], first[left[pair]] + sizes[left[pair]]
        j, j_end = first[right[pair]], first[right[pair]] + sizes[right[pair]]
        shared = 0
        while i < i_end and j < j_end:
            one, two = shingles[i], shingles[j]
            # Without branches: which set goes on is as good as random, so a branch would be foretold wrongly.
            shared += one == two
            i += one <= two
            j += two <= one
        out[pair] = shared
    return out
