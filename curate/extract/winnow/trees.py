"""Boosted trees as flat arrays, summed by compiled code, and the file that holds a model.

All trees are full trees of DEPTH levels; a node that does not part anything has the threshold infinity. So nobody walks
them: all comparisons are made, for many rows side by side, and bits pick the leaf. That is four times as quick.

The file: the line `winnow-extractor 2`, a line of JSON (what the model is, names and shapes of the arrays, SHA-256 of
the bytes that follow), the arrays one after the other. Nothing in it is executed. A comparison is `value > threshold`
in float32, and the sum runs over the trees in their order in float64: equal on every machine.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from curate.extract.winnow import columns, stack
from workbench.errors import Exit, UserError

MAGIC = b"winnow-extractor 2\n"
DEPTH = 4
INNER, LEAVES = (1 << DEPTH) - 1, 1 << DEPTH
_TYPES = {"feature": ("<i2", INNER), "threshold": ("<f4", INNER), "value": ("<f4", LEAVES)}
_ROWS = 64  # side by side: their columns stay in a fast cache
_TILE = 16  # columns that are turned into rows at a time: what is read and written stays in the fastest cache
_MOST_BYTES = 16 << 20
HINT = "give the file that `curate extract train` wrote, or extract.model=builtin"

Array = np.ndarray[Any, Any]


class Trees(NamedTuple):
    """Column and threshold of the inner nodes (trees by INNER, level by level), values of the leaves (trees by LEAVES).

    A row goes to the right child, 2k + 2 of node k, where its value is above the threshold.
    """

    feature: Array
    threshold: Array
    value: Array
    start: float

    def scores(self, table: Array) -> Array:
        """The sum of the leaves for every row of float32 columns."""
        found: Array = leaves(table, self)
        return found


class Model(NamedTuple):
    """The first look at blocks, the second one, and what is known of how they were made."""

    first: Trees
    second: Trees
    facts: dict[str, Any]

    @property
    def limits(self) -> dict[str, float]:
        """The least score of a block that is kept, by what is favoured."""
        found: dict[str, float] = self.facts["limits"]
        return found


@njit(cache=True, inline="always")
def _pick(mask, right, left):  # type: ignore[no-untyped-def]
    return np.uint8((right & mask) | (left & ~mask))


@njit(cache=True)
def leaves(table, trees):  # type: ignore[no-untyped-def]
    """The sum of the leaves of `trees` for every row."""
    feature, threshold, value, start = trees
    rows, width = table.shape
    out = np.empty(rows, np.float32)
    part = np.zeros((width, _ROWS), np.float32)
    above = np.empty((INNER, _ROWS), np.uint8)  # all bits set where the row's value is above the node's threshold
    leaf = np.empty(_ROWS, np.uint8)
    total = np.empty(_ROWS, np.float64)
    for low in range(0, rows, _ROWS):
        many = min(_ROWS, rows - low)
        for left in range(0, width, _TILE):
            right = min(width, left + _TILE)
            for r in range(many):
                for c in range(left, right):
                    part[c, r] = table[low + r, c]
        total[:] = start
        for t in range(len(feature)):
            for k in range(INNER):
                column, limit = part[feature[t, k]], threshold[t, k]
                for r in range(_ROWS):
                    above[k, r] = np.uint8(255) if column[r] > limit else np.uint8(0)
            for r in range(_ROWS):
                a = above[0, r]
                b = _pick(a, above[2, r], above[1, r])
                c = _pick(b, _pick(a, above[6, r], above[4, r]), _pick(a, above[5, r], above[3, r]))
                outer = _pick(b, _pick(a, above[14, r], above[10, r]), _pick(a, above[12, r], above[8, r]))
                inner = _pick(b, _pick(a, above[13, r], above[9, r]), _pick(a, above[11, r], above[7, r]))
                leaf[r] = (a & 8) | (b & 4) | (c & 2) | (_pick(c, outer, inner) & 1)
            ends = value[t]
            for r in range(_ROWS):
                total[r] += ends[leaf[r]]
        for r in range(many):
            out[low + r] = total[r]
    return out


def save(model: Model, path: Path) -> str:
    """Writes a model file; the digest of its arrays."""
    data = _bytes(model)
    digest = hashlib.sha256(data).hexdigest()
    head = {
        "features": columns.VERSION,
        "start": [model.first.start, model.second.start],
        "trees": [len(model.first.feature), len(model.second.feature)],
        "sha256": digest,
        "facts": model.facts,
    }
    path.write_bytes(MAGIC + json.dumps(head, sort_keys=True).encode() + b"\n" + data)
    return digest


def digest_of(model: Model) -> str:
    """SHA-256 of the arrays, as the model's file names it."""
    return hashlib.sha256(_bytes(model)).hexdigest()


def _bytes(model: Model) -> bytes:
    return b"".join(
        np.ascontiguousarray(getattr(trees, field), kind).tobytes()
        for trees in (model.first, model.second)
        for field, (kind, _) in _TYPES.items()
    )


def load(path: Path) -> Model:
    """Reads a model file. Raises UserError (exit 4) for one that is damaged, or made for other features."""

    def bad(why: str) -> UserError:
        return UserError(f"{path} is not a model of this extractor: {why}", hint=HINT, code=Exit.INPUT)

    if path.stat().st_size > _MOST_BYTES:
        raise bad(f"more than {_MOST_BYTES} bytes")
    content = path.read_bytes()
    if not content.startswith(MAGIC):
        raise bad("another kind of file")
    line, _, data = content[len(MAGIC) :].partition(b"\n")
    try:
        head = json.loads(line)
        version, digest, start = head["features"], head["sha256"], head["start"]
        first, second = (int(count) for count in head["trees"])
    except (ValueError, KeyError, TypeError) as error:
        raise bad("its header cannot be read") from error
    if version != columns.VERSION:
        raise bad(f"made for version {version} of the features, this program has {columns.VERSION}; train it again")
    if hashlib.sha256(data).hexdigest() != digest:
        raise bad("its content is not that of its digest")
    if len(data) != (first + second) * sum(width * np.dtype(kind).itemsize for kind, width in _TYPES.values()):
        raise bad("its header does not fit its content")
    found, at = [], 0
    for count, seen, begin in ((first, columns.COUNT, start[0]), (second, columns.COUNT + stack.COUNT, start[1])):
        fields = {}
        for field, (kind, width) in _TYPES.items():
            fields[field] = np.frombuffer(data, kind, count * width, at).reshape(count, width).copy()
            at += fields[field].nbytes
        if (fields["feature"] < 0).any() or (fields["feature"] >= seen).any():
            raise bad("a tree looks at a column that there is not")
        found.append(Trees(**fields, start=float(begin)))
    return Model(found[0], found[1], head["facts"])
