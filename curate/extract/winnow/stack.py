"""The second look: what the first scores of a page say about each other, as more columns for the second model.

A score is a sum of trees' leaves; between blocks it is averaged as a share between 0 and 1, by a straight line and not
by the logistic function: what this computes is the same on every machine.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_OFFSETS = (-4, -3, -2, -1, 1, 2, 3, 4)
_REACHES = (3, 8, 20)
_LEVELS = 5
NAMES: tuple[str, ...] = (
    "score",
    *(f"score{offset:+d}" for offset in _OFFSETS),
    *(f"mean{reach}" for reach in _REACHES),
    "before",
    "after",
    *(f"up{level}_{name}" for level in range(_LEVELS) for name in ("mean", "share")),
    "path_mean",
    "page_mean",
    "page_best",
    "page_kept",
    "from_first",
    "to_last",
)
COUNT = len(NAMES)
_EDGE = np.float32(-9.0)
_OFFSET_ARRAY = np.array(_OFFSETS)
_REACH_ARRAY = np.array(_REACHES)


@njit(cache=True)
def stack(score, weight, path_key, parent, block_node):  # type: ignore[no-untyped-def]
    """Columns as in NAMES, float32[blocks, COUNT], of scores and weights by block and a key of each block's path."""
    blocks, nodes = len(score), len(parent)
    out = np.empty((blocks, COUNT), np.float32)
    held = np.zeros((nodes, 2))
    along = np.zeros((blocks + 1, 2))
    size = 1
    while size < 2 * blocks:
        size *= 2
    mask = np.uint32(size - 1)
    keys = np.zeros(size, np.uint32)
    paths = np.zeros((size, 2))
    slots = np.empty(blocks, np.int64)
    best = np.float32(-99.0)
    kept = 0
    first = -1
    last = -1
    for b in range(blocks):
        part = min(1.0, max(0.0, 0.5 + score[b] / 8))
        mass = np.sqrt(weight[b] + 1)
        held[block_node[b], 0] += part * mass
        held[block_node[b], 1] += mass
        along[b + 1, 0] = along[b, 0] + part * mass
        along[b + 1, 1] = along[b, 1] + mass
        slot = np.uint32(path_key[b] & mask)
        while keys[slot] != 0 and keys[slot] != path_key[b]:
            slot = np.uint32((slot + np.uint32(1)) & mask)
        keys[slot] = path_key[b]
        slots[b] = slot
        paths[slot, 0] += part * mass
        paths[slot, 1] += mass
        best = max(best, score[b])
        if score[b] > 0:
            kept += 1
            if first < 0:
                first = b
            last = b
    for n in range(nodes - 1, 0, -1):
        held[parent[n], 0] += held[n, 0]
        held[parent[n], 1] += held[n, 1]
    total = max(1e-6, along[blocks, 0])
    for b in range(blocks):
        o = out[b]
        o[0] = score[b]
        p = 1
        for k in range(len(_OFFSET_ARRAY)):
            other = b + _OFFSET_ARRAY[k]
            o[p] = score[other] if 0 <= other < blocks else _EDGE
            p += 1
        for k in range(len(_REACH_ARRAY)):
            low, high = max(0, b - _REACH_ARRAY[k]), min(blocks, b + _REACH_ARRAY[k] + 1)
            o[p] = (along[high, 0] - along[low, 0]) / (along[high, 1] - along[low, 1])
            p += 1
        o[p] = along[b, 0] / total
        o[p + 1] = (along[blocks, 0] - along[b + 1, 0]) / total
        p += 2
        node = block_node[b]
        for _ in range(_LEVELS):
            o[p] = held[node, 0] / max(1e-6, held[node, 1])
            o[p + 1] = held[node, 0] / total
            p += 2
            node = max(0, parent[node])
        o[p] = paths[slots[b], 0] / paths[slots[b], 1]
        o[p + 1] = along[blocks, 0] / along[blocks, 1]
        o[p + 2] = best
        o[p + 3] = kept
        o[p + 4] = b - first if first >= 0 else 0
        o[p + 5] = last - b if last >= 0 else 0
    return out
