"""Packing: every position once, nothing cut that is to stay whole, and speed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.packing import plan
from workbench.errors import UserError

lengths = st.lists(st.integers(0, 70), max_size=40)


def test_two_documents_share_a_row_and_the_third_opens_one():
    found = plan([13, 10, 9], 24, whole=True)
    assert found.first.tolist() == [0, 2, 3]
    assert (found.doc.tolist(), found.start.tolist(), found.length.tolist()) == ([0, 1, 2], [0, 0, 0], [13, 10, 9])


def test_a_long_document_is_cut_into_full_rows_and_a_rest_that_is_packed():
    found = plan([5, 30], 12)
    assert found.first.tolist() == [0, 1, 2, 4]
    assert (found.doc.tolist(), found.start.tolist()) == ([1, 1, 1, 0], [0, 12, 24, 0])
    assert found.length.tolist() == [12, 12, 6, 5]
    assert found.fill(12) == 35 / 36


def test_the_row_with_the_least_room_is_taken():
    # Rows are left with 3 and 2: the 2 goes where it fits exactly, the 3 into the other.
    assert plan([7, 8, 2, 3], 10).tokens().tolist() == [10, 10]


def test_what_stays_whole_is_never_cut_but_named():
    found = plan([30, 12, 13], 12, whole=True)
    assert found.too_long.tolist() == [0, 2]
    assert found.doc.tolist() == [1]


@given(lengths, st.integers(1, 33))
def test_each_position_stands_exactly_once(sizes, width):
    found = plan(sizes, width)
    seen = [np.zeros(size, int) for size in sizes]
    for doc, start, length in zip(found.doc, found.start, found.length, strict=True):
        seen[doc][start : start + length] += 1
    assert all((each == 1).all() for each in seen)
    assert (found.tokens() <= width).all() and (found.tokens() > 0).all()
    assert found.first[0] == 0 and found.first[-1] == len(found.doc)


@given(lengths, st.integers(1, 33))
def test_whole_documents_are_all_there_or_named(sizes, width):
    found = plan(sizes, width, whole=True)
    assert sorted(found.doc.tolist() + found.too_long.tolist()) == [
        doc for doc, size in enumerate(sizes) if size or doc in found.too_long
    ]
    assert all(sizes[doc] == length for doc, length in zip(found.doc, found.length, strict=True))
    assert (found.tokens() <= width).all()


@given(st.lists(st.integers(1, 33), min_size=1, max_size=40), st.integers(2, 33), st.randoms())
def test_the_number_of_rows_does_not_depend_on_the_order(sizes, width, random):
    shuffled = list(sizes)
    random.shuffle(shuffled)
    assert plan(sizes, width).rows == plan(shuffled, width).rows


@given(st.lists(st.integers(1, 33), min_size=1, max_size=40), st.integers(2, 33))
def test_best_fit_decreasing_is_reached(sizes, width):
    """Against the rule in its plainest form."""
    rooms: list[int] = [0] * sum(size // width for size in sizes)
    for rest in sorted((size % width for size in sizes if size % width), reverse=True):
        fits = [(room, row) for row, room in enumerate(rooms) if room >= rest]
        if fits:
            rooms[min(fits)[1]] -= rest
        else:
            rooms.append(width - rest)
    assert sorted(width - plan(sizes, width).tokens()) == sorted(rooms)


def test_a_million_documents_leave_hardly_a_gap():
    drawn = np.random.default_rng(0).lognormal(5.5, 1.2, 1_000_000).astype(np.int64) + 1
    assert plan(drawn, 2048).fill(2048) > 0.999


def test_no_documents_make_no_rows():
    assert plan([], 8).rows == 0


def test_a_row_of_nothing_is_refused():
    with pytest.raises(UserError, match="holds nothing"):
        plan([1], 0)
