"""Connected components by a flat union-find: one integer for each node, the root of a component is its lowest node.

The answer depends on the edges alone, not on their order, because the lower root always wins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.kernels import helper

Parents = NDArray[np.signedinteger[Any]]


def singletons(count: int) -> Parents:
    """`count` nodes, each its own root: int32 where that is enough, so that a billion nodes take 4 GB."""
    return np.arange(count, dtype=np.int32 if count <= np.iinfo(np.int32).max else np.int64)


@helper
def find_root(parents, node):  # type: ignore[no-untyped-def]
    """Root of a node; halves the path on its way (Tarjan and van Leeuwen 1984)."""
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@njit(cache=True)
def union(parents: Parents, left: NDArray[Any], right: NDArray[Any]) -> None:
    """Join the components of left[i] and right[i] for every i; may be called again with more edges."""
    for i in range(len(left)):
        one = find_root(parents, np.int64(left[i]))
        two = find_root(parents, np.int64(right[i]))
        if one < two:
            parents[two] = one
        elif two < one:
            parents[one] = two


@njit(cache=True)
def flatten(parents: Parents) -> None:
    """Make every entry the root itself. A parent is never above its child, so one pass upwards does it."""
    for node in range(len(parents)):
        parents[node] = parents[parents[node]]


def components(count: int, left: NDArray[Any], right: NDArray[Any]) -> Parents:
    """Root (lowest node) of each of `count` nodes under the edges left[i] - right[i]."""
    parents = singletons(count)
    union(parents, left, right)
    flatten(parents)
    return parents
