"""Intersections of sets, and how many sets are held at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.verify import VERIFIED_ROW, chunks, containment, ends, intersections, jaccard, similar

SETS = st.lists(st.sets(st.integers(0, 30) | st.just(2**32 - 1), min_size=1), min_size=1, max_size=8)


@settings(deadline=None)
@given(SETS, st.data())
def test_similarities_are_those_of_python_sets(sets: list[set[int]], data: st.DataObject) -> None:
    sizes = np.array([len(one) for one in sets], np.int64)
    shingles = np.array([value for one in sets for value in sorted(one)], np.uint32)
    pairs = data.draw(st.lists(st.tuples(*[st.integers(0, len(sets) - 1)] * 2), max_size=20))
    left, right = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    shared = intersections(shingles, np.cumsum(sizes) - sizes, sizes, left, right)
    rows = np.zeros(len(pairs), VERIFIED_ROW)
    rows["shared"], rows["left_size"], rows["right_size"] = shared, sizes[left], sizes[right]
    expected = [(sets[a], sets[b]) for a, b in pairs]
    assert shared.tolist() == [len(a & b) for a, b in expected]
    assert jaccard(rows).tolist() == [len(a & b) / len(a | b) for a, b in expected]
    assert containment(rows).tolist() == [len(a & b) / min(len(a), len(b)) for a, b in expected]


@pytest.mark.parametrize(
    ("threshold", "contained", "expected"),
    [(0.8, None, True), (0.81, None, False), (0.9, 0.88, True), (0.9, 0.9, False)],
)
def test_near_means_at_least_the_threshold(threshold: float, contained: float | None, expected: bool) -> None:
    row = np.array([(0, 8, 9, 9)], VERIFIED_ROW)  # 8 / 10 and 8 / 9
    assert similar(row, threshold, contained).tolist() == [expected]


def test_the_ends_of_a_pair() -> None:
    left, right = ends(np.array([(7 << 32) + 9, (1 << 32) - 1], np.uint64))
    assert (left.tolist(), right.tolist()) == ([7, 0], [9, 2**32 - 1])


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=10), st.integers(1, 30), st.data())
def test_chunks_hold_no_more_than_there_is_room_for(sizes: list[int], room: int, data: st.DataObject) -> None:
    nodes = st.integers(0, len(sizes) - 1)
    pairs = data.draw(st.lists(st.tuples(nodes, nodes), max_size=15))
    left, right = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    found = list(chunks(left, right, np.array(sizes, np.int64), room))
    assert [begin for begin, _ in found] == [0, *(end for _, end in found[:-1])][: len(found)]
    assert sum(end - begin for begin, end in found) == len(pairs)
    for begin, end in found:
        held = sum(sizes[node] for node in {node for pair in pairs[begin:end] for node in pair})
        assert held <= room or end - begin == 1
