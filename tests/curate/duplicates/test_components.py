"""Components against a reference that walks the graph."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.components import components, flatten, singletons, union


def by_walking(count: int, edges: list[tuple[int, int]]) -> list[int]:
    near: list[set[int]] = [{node} for node in range(count)]
    for left, right in edges:
        near[left].add(right)
        near[right].add(left)
    roots = [-1] * count
    for start in range(count):
        stack = [start]
        while stack:
            node = stack.pop()
            if roots[node] < 0:
                roots[node] = start
                stack.extend(near[node])
    return roots


def arrays(edges: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array(edges, np.int64).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


GRAPHS = st.integers(1, 40).flatmap(
    lambda count: st.tuples(
        st.just(count), st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=60)
    )
)


@settings(deadline=None)  # the first call compiles
@given(GRAPHS, st.randoms(use_true_random=False))
def test_roots_are_the_lowest_nodes_in_any_order_of_edges(
    graph: tuple[int, list[tuple[int, int]]], chance: random.Random
) -> None:
    count, edges = graph
    expected = by_walking(count, edges)
    assert components(count, *arrays(edges)).tolist() == expected
    turned = [(right, left) for left, right in edges]
    chance.shuffle(turned)
    assert components(count, *arrays(turned)).tolist() == expected


def test_edges_may_come_in_parts() -> None:
    parents = singletons(5)
    union(parents, np.array([4]), np.array([3]))
    union(parents, np.array([3], np.uint32), np.array([1], np.uint32))
    flatten(parents)
    assert parents.tolist() == [0, 1, 2, 1, 1]
    assert parents.dtype == np.int32


def test_a_long_chain() -> None:
    count = 100_000
    nodes = np.arange(count - 1)
    assert not components(count, nodes + 1, nodes).any()
