"""Documents with equal keys: groups of one text or address, and the nodes (distinct shingle sets) numbered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.duplicates.corpus import Corpus
from curate.duplicates.nodes import NODE, NONE
from curate.duplicates.runs import Rows, RunWriter, read
from curate.duplicates.store import FIRST
from curate.duplicates.types import SET
from workbench.units import Report, Work

SHARED, NODES, NODE_OF, DOCUMENT_NODES = "shared.run", "nodes.bin", "node_of.run", "nodes.u32"
# The key of a document that shares it; the rank of a document's node within its range of keys.
SHARED_ROW = np.dtype([("key", "<u8"), ("high", "<u8"), ("low", "<u8")])
NODE_OF_ROW = np.dtype([("key", "<u8"), ("node", "<u4")])


@contextmanager
def groups_step(setup: dict[str, Any]) -> Iterator[Work]:
    """A range of keys of one space; writes who shares a key, and for sets their nodes and whose they are."""
    corpus = Corpus.load(Path(setup["corpus"]))

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        space = payload["space"]
        high, low, docs = _keys(corpus, space, payload["begin"], payload["end"])
        order = by_key(high, low)
        high, low, docs = high[order], low[order], docs[order]
        del order
        starts = np.ones(len(docs), np.bool_)
        np.logical_not(same_as_before(high, low), out=starts[1:])
        begins = np.flatnonzero(starts)
        sizes = np.diff(begins, append=len(docs))
        new = np.maximum.reduceat(docs, begins) >= corpus.since if len(docs) else np.empty(0, np.bool_)
        counts = {"keys": len(begins), "rows": len(docs), "groups": int(((sizes > 1) & new).sum())}
        if space == SET:
            _write_nodes(corpus, out, high[begins], low[begins], docs, begins, new)
        _write_shared(out / SHARED, high, low, docs, np.repeat((sizes > 1) & new, sizes))
        return {**counts, "records": len(docs)}

    yield work


def _keys(
    corpus: Corpus, space: int, begin: int, end: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
    parts = [(found.keys.key, found.keys.low, found.docs) for found in corpus.keys(space, begin, end)]
    if not parts:
        return np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int64)
    high, low, docs = zip(*parts, strict=True)
    return np.concatenate(high), np.concatenate(low), np.concatenate(docs)


def by_key(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Order of 128-bit keys. Their first halves nearly always suffice, and sort many times faster."""
    order = np.argsort(high)
    first = high[order]
    tied = np.flatnonzero(first[1:] == first[:-1])
    if (low[order[tied + 1]] < low[order[tied]]).any():
        return np.lexsort((low, high))
    return order


def same_as_before(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Of sorted keys, whether each but the first is the one before."""
    return (high[1:] == high[:-1]) & (low[1:] == low[:-1])


def _write_shared(
    path: Path, high: NDArray[np.uint64], low: NDArray[np.uint64], docs: NDArray[np.int64], shared: NDArray[np.bool_]
) -> None:
    rows = np.empty(int(shared.sum()), SHARED_ROW)
    rows["key"], rows["high"], rows["low"] = docs[shared], high[shared], low[shared]
    _write_sorted(path, rows)


def _write_sorted(path: Path, rows: Rows) -> None:
    with RunWriter(path, rows.dtype) as writer:
        writer.append(rows[np.argsort(rows["key"])])


def _write_nodes(
    corpus: Corpus,
    out: Path,
    high: NDArray[np.uint64],
    low: NDArray[np.uint64],
    docs: NDArray[np.int64],
    begins: NDArray[np.int64],
    new: NDArray[np.bool_],
) -> None:
    nodes = np.zeros(len(begins), NODE)
    nodes["high"], nodes["low"], nodes["new"] = high, low, new
    if len(begins):
        _place_sets(corpus, nodes, np.minimum.reduceat(docs, begins))
    nodes.tofile(out / NODES)
    rows = np.empty(len(docs), NODE_OF_ROW)
    rows["key"] = docs
    rows["node"] = np.repeat(np.arange(len(begins), dtype=np.uint32), np.diff(begins, append=len(docs)))
    _write_sorted(out / NODE_OF, rows)


def _place_sets(corpus: Corpus, nodes: Rows, lenders: NDArray[np.int64]) -> None:
    """Where each node's set lies: with the lowest of its documents."""
    order = np.argsort(lenders)
    edges = np.searchsorted(lenders[order], corpus.first).tolist()
    for number, unit in enumerate(corpus.units):
        here = order[edges[number] : edges[number + 1]]
        if len(here):
            first = np.load(unit.directory / FIRST)
            rows = lenders[here] - corpus.first[number]
            nodes["unit"][here] = number
            nodes["start"][here] = first[rows]
            nodes["size"][here] = first[rows + 1] - first[rows]


@contextmanager
def number_step(setup: dict[str, Any]) -> Iterator[Work]:
    """A range of documents; writes the node of each. `sets`: [directory, rank of its first node] by range of keys."""
    sets = [(Path(directory) / NODE_OF, base) for directory, base in setup["sets"]]

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        begin, end = payload["begin"], payload["end"]
        nodes = np.full(end - begin, NONE, np.uint32)
        for path, base in sets:
            rows = read([path], NODE_OF_ROW, begin, end)
            nodes[rows["key"].astype(np.int64) - begin] = rows["node"] + np.uint32(base)
        nodes.astype("<u4").tofile(out / DOCUMENT_NODES)
        return {"records": end - begin}

    yield work
