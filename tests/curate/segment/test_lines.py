"""Lines, paragraphs and white-space words are what Python's own methods give."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.segment import Segments, nonempty, stripped, surfaces

BREAKS = " \t\n\n\n\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029\u3000\xa0a中😀\x00"
VIEWS: dict[str, Callable[[str], list[str]]] = {
    "lines": lambda text: text.split("\n"),
    "lines_nonempty_runs": lambda text: re.split("\n+", text),
    "splitlines": str.splitlines,
    "paragraphs": lambda text: re.split("\n{2,}", text.strip()),
    "words_space": str.split,
}


@given(st.lists(st.text(BREAKS, max_size=20), max_size=8))
def test_views_are_those_of_python(texts: list[str]) -> None:
    view = Segments(texts)
    for name, python in VIEWS.items():
        spans = getattr(view, name)
        assert [surfaces(view.text, spans, d) for d in range(len(texts))] == [python(text) for text in texts], name


@given(st.lists(st.text(BREAKS, max_size=20), max_size=8))
def test_stripped_and_nonempty(texts: list[str]) -> None:
    view = Segments(texts)
    spans = nonempty(stripped(view.text, view.lines))
    expected = [[line.strip() for line in text.split("\n") if line.strip()] for text in texts]
    assert [surfaces(view.text, spans, d) for d in range(len(texts))] == expected


@pytest.mark.parametrize("unit", ["\n", "a\n", "a", " ", "ab cd\n\n", "\r\n"])
def test_views_of_long_texts(unit: str) -> None:
    text = unit * 5000
    view = Segments([text, "x", text])
    for name, python in VIEWS.items():
        assert surfaces(view.text, getattr(view, name), 2) == python(text), name


def test_views_are_computed_once() -> None:
    view = Segments(["a b"])
    assert view.lines is view.lines
    assert view.lower_ids("words_space") is view.lower_ids("words_space")
