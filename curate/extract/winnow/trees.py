"""Boosted trees as flat arrays, summed by compiled code, and the file that holds a model.

The file: the line `winnow-extractor 1`, a line of JSON (what the model is, names, types and shapes of the arrays,
SHA-256 of the bytes that follow), the arrays one after the other. Nothing in it is executed. A comparison is
`value <= threshold` in float32, and the sum runs over the trees in their order in float64: equal on every machine.
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

MAGIC = b"winnow-extractor 1\n"
_TYPES = {"feature": "<i2", "threshold": "<f4", "left": "<i2", "right": "<i2", "value": "<f4", "roots": "<i4"}
_MOST_BYTES = 16 << 20

Array = np.ndarray[Any, Any]


class Trees(NamedTuple):
    """Nodes of all trees: column, threshold, children (from the root; -1 at a leaf), value; the root of each tree."""

    feature: Array
    threshold: Array
    left: Array
    right: Array
    value: Array
    roots: Array
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


@njit(cache=True)
def leaves(table, trees):  # type: ignore[no-untyped-def]
    """The sum of the leaves of `trees` for every row."""
    feature, threshold, left, right, value, roots, start = trees
    out = np.empty(len(table), np.float32)
    for row in range(len(table)):
        total = start
        columns = table[row]
        for root in roots:
            node = root
            while left[node] >= 0:
                node = root + (left[node] if columns[feature[node]] <= threshold[node] else right[node])
            total += value[node]
        out[row] = total
    return out


def save(model: Model, path: Path) -> str:
    """Writes a model file; the digest of its arrays."""
    arrays = _arrays(model)
    data = b"".join(array.tobytes() for _, array in arrays)
    digest = hashlib.sha256(data).hexdigest()
    head = {
        "features": columns.VERSION,
        "start": [model.first.start, model.second.start],
        "arrays": {name: len(array) for name, array in arrays},
        "sha256": digest,
        "facts": model.facts,
    }
    path.write_bytes(MAGIC + json.dumps(head, sort_keys=True).encode() + b"\n" + data)
    return digest


def digest_of(model: Model) -> str:
    """SHA-256 of the arrays, as the model's file names it."""
    return hashlib.sha256(b"".join(array.tobytes() for _, array in _arrays(model))).hexdigest()


def _arrays(model: Model) -> list[tuple[str, Array]]:
    return [
        (f"{name}.{field}", np.ascontiguousarray(getattr(trees, field)).astype(kind))
        for name, trees in (("first", model.first), ("second", model.second))
        for field, kind in _TYPES.items()
    ]


def load(path: Path) -> Model:
    """Reads a model file. Raises UserError (exit 4) for one that is damaged, or made for other features."""

    def bad(why: str) -> UserError:
        return UserError(f"{path} is not a model of this extractor: {why}", code=Exit.INPUT)

    if path.stat().st_size > _MOST_BYTES:
        raise bad(f"more than {_MOST_BYTES} bytes")
    content = path.read_bytes()
    if not content.startswith(MAGIC):
        raise bad("another kind of file")
    line, _, data = content[len(MAGIC) :].partition(b"\n")
    try:
        head = json.loads(line)
        version, digest, lengths, start = head["features"], head["sha256"], head["arrays"], head["start"]
    except (ValueError, KeyError, TypeError) as error:
        raise bad("its header cannot be read") from error
    if version != columns.VERSION:
        raise bad(f"made for version {version} of the features, this program has {columns.VERSION}; train it again")
    if hashlib.sha256(data).hexdigest() != digest:
        raise bad("its content is not that of its digest")
    found, at = [], 0
    for index, name in enumerate(("first", "second")):
        fields = {}
        for field, kind in _TYPES.items():
            fields[field] = np.frombuffer(data, kind, lengths[f"{name}.{field}"], at).copy()
            at += fields[field].nbytes
        trees = Trees(**fields, start=float(start[index]))
        width = columns.COUNT + (stack.COUNT if index else 0)
        if not _is_sound(trees, width):
            raise bad("a tree points out of itself")
        found.append(trees)
    return Model(found[0], found[1], head["facts"])


def _is_sound(trees: Trees, width: int) -> bool:
    """Whether every walk ends at a leaf inside: children stand after their parent, in the same tree."""
    nodes = len(trees.feature)
    ends = np.append(trees.roots[1:], nodes)
    if nodes == 0 or not len(trees.roots) or trees.roots[0] != 0 or (np.diff(np.append(trees.roots, nodes)) <= 0).any():
        return False
    tree = np.searchsorted(trees.roots, np.arange(nodes), side="right") - 1
    place = np.arange(nodes) - trees.roots[tree]
    inner = trees.left >= 0
    size = (ends - trees.roots)[tree]
    for side in (trees.left, trees.right):
        if ((side <= place) | (side >= size))[inner].any():
            return False
    return bool(((trees.feature >= 0) & (trees.feature < width)).all())
