"""Snippets: the densest stretch, whole words, marks in their places."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from curate.search.snippet import cut, pieces


def places(text: str, *words: str) -> list[tuple[int, int]]:
    found = [(at, at + len(word)) for word in words for at in range(len(text)) if text.startswith(word, at)]
    return sorted(found)


def marked(text: str, spans: list[tuple[int, int]], chars: int) -> str:
    return "".join(f"[{piece}]" if is_match else piece for piece, is_match in pieces(*cut(text, spans, chars)))


def test_a_short_text_stands_whole_on_one_line() -> None:
    assert marked("red\nwine\tis red", [(0, 3), (12, 15)], 100) == "[red] wine is [red]"


def test_without_matches_the_text_begins() -> None:
    assert marked("one two three four", [], 9) == "one two three …"


def test_different_words_count_more_than_many() -> None:
    text = "red red red red " + "so " * 40 + "red wine " + "so " * 40
    assert "[red] [wine]" in marked(text, places(text, "red", "wine"), 30)
    assert marked(text, places(text, "red", "wine"), 30).startswith("… ")


def test_words_are_not_cut() -> None:
    text = "abcdefgh " * 30
    line = marked(text, [(90, 98)], 25).strip("… ")
    assert set(line.split()) == {"abcdefgh", "[abcdefgh]"}


def test_a_match_longer_than_the_window_is_shown_from_its_begin() -> None:
    text = "x " * 50 + "word " * 50
    snippet, spans = cut(text, [(100, 350)], 20)
    assert snippet[spans[0][0] :].startswith("word")


@given(st.text(min_size=1), st.data(), st.integers(1, 60))
def test_marks_show_what_they_showed_in_the_text(text: str, data: st.DataObject, chars: int) -> None:
    ends = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = list(zip(ends[::2], ends[1::2], strict=False))
    snippet, marks = cut(text, spans, chars)
    surfaces = ["".join(" " if one.isspace() else one for one in text[left:right]) for left, right in spans]
    for left, right in marks:
        assert 0 <= left < right <= len(snippet)
        assert any(snippet[left:right] in surface for surface in surfaces)
    assert bool(marks) == bool(spans)
    assert "".join(piece for piece, _ in pieces(snippet, marks)) == snippet
