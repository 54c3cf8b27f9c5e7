"""Where two texts differ word for word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.ask.wording import places


def _rows(kept: str, dropped: str) -> list[tuple[str, str, list[str], list[str]]]:
    return [
        (
            kept[slice(*each.kept)],
            dropped[slice(*each.dropped)],
            [kept[slice(*span)] for span in each.only_kept],
            [dropped[slice(*span)] for span in each.only_dropped],
        )
        for each in places(kept, dropped)
    ]


def test_capitals_and_commas_count_and_white_space_does_not() -> None:
    long = "a b c d e f g h"
    assert _rows(f"One two, three {long} end", f"one two\nthree {long}  end") == [
        ("One two,", "one two", ["One", ","], ["one"]),
        (f"three {long} end", f"three {long}  end", [], []),
    ]


def test_the_words_between_two_differences_are_not_marked() -> None:
    assert _rows("x same y end", "p same q end") == [
        ("x same y", "p same q", ["x", "y"], ["p", "q"]),
        ("end", "end", [], []),
    ]


def test_a_passage_that_moved_is_told_and_not_marked() -> None:
    kept, dropped = "p q r s a b c d e f g", "a b c d e f g p q r s"
    assert [(each.moved, each.same) for each in places(kept, dropped)] == [(True, False), (False, True), (True, False)]
    assert all(not row[2] and not row[3] for row in _rows(kept, dropped))


@pytest.mark.parametrize("text", ["", "la la la", "中文 中文"])
def test_a_text_and_itself(text: str) -> None:
    assert _rows(text, text) == ([(text, text, [], [])] if text else [])


def test_scripts_without_blanks_are_compared_by_character() -> None:
    assert _rows("中文字符好", "中文字母好")[1] == ("符", "母", ["符"], ["母"])


WORDS = st.lists(st.sampled_from(["a", "B", "b", "c1", "d,", "été", "中文", "\n"]), max_size=30).map(" ".join)


@given(WORDS, WORDS)
@settings(max_examples=300, deadline=None)
def test_what_is_left_of_both_texts_is_the_same(kept: str, dropped: str) -> None:
    found = places(kept, dropped)
    left = ["", ""]
    for each in found:
        for side, (text, span, only) in enumerate(
            ((kept, each.kept, each.only_kept), (dropped, each.dropped, each.only_dropped))
        ):
            inside = "".join(text[at] for at in range(*span) if not any(b <= at < e for b, e in only))
            left[side] += "".join(inside.split())
    assert "".join(kept.split()) == "".join("".join(kept[slice(*each.kept)].split()) for each in found)
    assert "".join(dropped.split()) == "".join("".join(dropped[slice(*each.dropped)].split()) for each in found)
    if not any(each.moved for each in found) and all(left):
        assert set(left[0]) <= set(kept)
