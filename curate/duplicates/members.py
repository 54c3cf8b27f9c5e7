"""The members table: which text, address and set a document shares, for every document that shares any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.duplicates.groups import SHARED_ROW
from curate.duplicates.nodes import NONE, DocumentNodes, NodeTable
from curate.duplicates.runs import Rows, RunWriter, contains, distinct, read
from curate.duplicates.store import hex_keys
from workbench.units import Report, Work

MEMBERS = "members.run"
_KINDS = ("text", "url", "set")
_KEY = np.dtype([("high", "<u8"), ("low", "<u8")])
MEMBER_ROW = np.dtype([("key", "<u8"), *((kind, _KEY) for kind in _KINDS)])
SCHEMA = pa.schema([("doc", pa.int64()), *((kind, pa.string()) for kind in _KINDS)])
_CHUNK = 1 << 20


@contextmanager
def members_step(setup: dict[str, Any]) -> Iterator[Work]:
    """A range of documents; writes those that share a key or whose set stands in a pair.

    `shared`: files of sharing documents by kind. `paired`: sorted nodes of all pairs.
    """
    shared = {kind: [Path(path) for path in setup["shared"][kind]] for kind in _KINDS}
    table = NodeTable([Path(path) for path in setup["nodes"]], setup["counts"])
    documents = DocumentNodes([Path(path) for path in setup["documents"]], setup["firsts"])
    paired = Path(setup["paired"])

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        begin, end = payload["begin"], payload["end"]
        found = {kind: read(shared[kind], SHARED_ROW, begin, end) for kind in _KINDS}
        nodes = documents.read(begin, end) if table.nodes else np.full(end - begin, NONE, np.uint32)
        docs, sets = _of_pairs(nodes, paired, table)
        parts = [docs + np.uint64(begin), *(rows["key"] for rows in found.values())]
        keys = distinct(np.concatenate(parts))
        rows = np.zeros(len(keys), MEMBER_ROW)
        rows["key"] = keys
        at = np.searchsorted(rows["key"], docs + np.uint64(begin))
        rows["set"]["high"][at], rows["set"]["low"][at] = sets["high"], sets["low"]
        for kind, those in found.items():
            at = np.searchsorted(rows["key"], those["key"])
            rows[kind]["high"][at], rows[kind]["low"][at] = those["high"], those["low"]
        with RunWriter(out / MEMBERS, MEMBER_ROW) as writer:
            writer.append(rows)
        return {"records": end - begin, "members": len(rows)}

    yield work


def _of_pairs(nodes: NDArray[np.uint32], paired: Path, table: NodeTable) -> tuple[NDArray[np.uint64], Rows]:
    """Documents whose node stands in a pair (as positions in `nodes`), and their nodes' rows."""
    order = np.argsort(nodes)
    ascending = nodes[order]
    stands = np.zeros(len(nodes), np.bool_)
    with paired.open("rb") as file:
        while len(part := np.fromfile(file, "<u4", _CHUNK)):
            low, high = np.searchsorted(ascending, part[0]), np.searchsorted(ascending, part[-1], side="right")
            stands[low:high] = contains(part, ascending[low:high])
    names = distinct(ascending[stands])
    return order[stands].astype(np.uint64), table.take(names)[np.searchsorted(names, ascending[stands])]


def to_table(rows: Rows) -> pa.Table:
    """Rows of members as they are published; a key that is not shared is null."""
    columns = [rows["key"].astype(np.int64)]
    for kind in _KINDS:
        keys = rows[kind]
        columns.append(hex_keys(keys["high"], keys["low"], (keys["high"] | keys["low"]) != 0))
    return pa.table(columns, schema=SCHEMA)
