"""Two texts beside each other: the shingles are those of the search, and nothing of either text is left out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.ask.side_by_side import SideBySide, Span, pieces, side_by_side
from curate.duplicates.config import Near
from curate.duplicates.shingles import shingle_sets
from curate.segment import Segments

NEAR = Near(ngram=3)


def _texts(text: str, spans: list[Span]) -> list[str]:
    return [text[begin:end] for begin, end in spans]


def _rows(kept: str, dropped: str, found: SideBySide) -> list[tuple[str, str, bool]]:
    return [(kept[slice(*each.kept)], dropped[slice(*each.dropped)], each.same) for each in found.stretches]


def test_a_changed_word() -> None:
    kept, dropped = "One two three, four five six seven.", "one TWO three four 5 six seven"
    found = side_by_side(kept, dropped, Near(ngram=2))
    assert (found.shared, found.kept_size, found.dropped_size) == (4, 6, 6)
    assert found.jaccard == 4 / 8
    assert found.containment == 4 / 6
    assert _texts(kept, found.kept) == ["One two three, four", "six seven"]
    assert _texts(dropped, found.dropped) == ["one TWO three four", "six seven"]
    assert _rows(kept, dropped, found) == [
        ("One two three, four", "one TWO three four", True),
        (" five ", " 5 ", False),
        ("six seven", "six seven", True),
        (".", "", False),
    ]


def test_a_word_more_is_not_told_twice() -> None:
    kept, dropped = "a b c d e f", "a b c X d e f"
    found = side_by_side(kept, dropped, NEAR)
    assert _rows(kept, dropped, found) == [("a b c", "a b c", True), (" ", " X ", False), ("d e f", "d e f", True)]
    kept, dropped = "a b a b c", "a b c"
    found = side_by_side(kept, dropped, Near(ngram=2))
    assert "".join(row[0] for row in _rows(kept, dropped, found)) == kept


def test_a_passage_that_moved_is_shared_and_stands_alone() -> None:
    kept, dropped = "p q r s a b c d e f", "a b c d e f p q r s"
    found = side_by_side(kept, dropped, NEAR)
    assert _texts(kept, found.kept) == [kept]
    assert _texts(dropped, found.dropped) == [dropped]
    assert found.jaccard == 6 / 10
    assert _rows(kept, dropped, found) == [
        ("p q r s ", "", False),
        ("a b c d e f", "a b c d e f", True),
        ("", " p q r s", False),
    ]


@pytest.mark.parametrize("text", ["na na na na na na", "la", "", "中文 中文"])
def test_a_text_and_itself(text: str) -> None:
    found = side_by_side(text, text, NEAR)
    assert _rows(text, text, found) == ([(text, text, True)] if text else [])
    assert found.kept == found.dropped == ([(0, len(text))] if text else [])


def test_white_space_is_no_difference() -> None:
    kept, dropped = "A b c.\n\nD e f.", "a b c. d  e f ."
    assert _rows(kept, dropped, side_by_side(kept, dropped, NEAR)) == [(kept, dropped, True)]


def test_texts_without_shingles_are_compared_by_words() -> None:
    found = side_by_side("Not found!", "Page not found", NEAR)
    assert (found.jaccard, found.containment) == (0.0, None)
    assert found.kept == [(0, 9)]
    assert found.dropped == [(5, 14)]


def test_nothing_in_common() -> None:
    found = side_by_side("a b c d", "w x y z", NEAR)
    assert (found.jaccard, found.kept, found.dropped) == (0.0, [], [])
    assert [each.same for each in found.stretches] == [False]


@pytest.mark.parametrize(
    ("span", "marks", "room", "expected"),
    [
        ((0, 10), [], 20, [("0123456789", False)]),
        ((2, 8), [(0, 3), (5, 6), (8, 9)], 20, [("2", True), ("34", False), ("5", True), ("67", False)]),
        ((2, 4), [(0, 9)], 20, [("23", True)]),
        ((0, 10), [(1, 10)], 6, [("0", False), ("123", True), (" … 4 characters … ", False), ("89", True)]),
        ((0, 10), [(0, 2)], 6, [("01", True), ("23", False), (" … 4 characters … ", False), ("89", False)]),
        ((0, 10), [], 7, [("0123456789", False)]),
        ((3, 3), [(0, 9)], 6, []),
    ],
)
def test_pieces(span: Span, marks: list[Span], room: int, expected: list[tuple[str, bool]]) -> None:
    assert pieces("0123456789", span, marks, room) == expected


def test_pieces_have_no_blanks_at_the_ends_of_the_stretch() -> None:
    assert pieces(" a  b\n", (0, 6), [(1, 2)], 20) == [("a", True), ("  b", False)]
    assert pieces(" \n", (0, 2), [(0, 2)], 20) == []
    assert pieces("aaa    bbb    ccc", (0, 17), [], 9) == [
        ("aaa", False),
        (" … 8 characters … ", False),
        ("ccc", False),
    ]


WORDS = st.lists(st.sampled_from(["a", "B", "b", "c1", "d,", "été", "中", "\n", "12.5"]), max_size=30).map(" ".join)
NEARS = st.builds(
    lambda shingle, fold, ngram: Near.model_validate({"shingle": shingle, "fold": fold, "ngram": ngram}),
    st.sampled_from(["word", "char"]),
    st.sampled_from(["lower", "fineweb"]),
    st.integers(1, 4),
)


@given(WORDS, WORDS, NEARS)
@settings(max_examples=300, deadline=None)
def test_the_sets_are_those_of_the_search_and_the_stretches_cover_both_texts(
    kept: str, dropped: str, near: Near
) -> None:
    found = side_by_side(kept, dropped, near)
    hashes, first = shingle_sets(Segments([kept, dropped]), near)
    left, right = set(hashes[: first[1]].tolist()), set(hashes[first[1] :].tolist())
    assert (found.shared, found.kept_size, found.dropped_size) == (len(left & right), len(left), len(right))
    for text, spans, side in ((kept, found.kept, 0), (dropped, found.dropped, 1)):
        assert "".join(text[slice(*each[side])] for each in found.stretches) == text
        assert all(0 <= begin < end <= len(text) for begin, end in spans)
        assert all(one[1] <= other[0] for one, other in pairwise(spans))
        if left and right:
            inside = Segments([text[begin:end] for begin, end in spans] or [""])
            assert left & right <= set(shingle_sets(inside, near)[0].tolist()) or near.shingle == "char"
