import numpy as np
import pytest

from curate.edits.lines.shape import core_ids, shape
from curate.segment import decode, lines


def protected(*texts: str) -> list[bool]:
    text = decode(list(texts))
    return shape(text, lines(text)).protected.tolist()


def test_counts() -> None:
    text = decode(["  Ab c12 É\n\n"])
    found = shape(text, lines(text))
    assert found.words.tolist() == [3, 0, 0]
    assert found.longest.tolist() == [3, 0, 0]
    assert (found.letters[0], found.upper[0], found.digits[0]) == (4, 2, 2)
    assert (found.begin[0], found.end[0]) == (2, 10)


def test_fences() -> None:
    assert protected("a\n```python\nx\n```\nb") == [False, True, True, True, False]
    assert protected("~~~\n```\n~~~\nb") == [True, True, True, False]


def test_a_fence_needs_a_closer_as_long() -> None:
    assert protected("````\n```\n````\nb") == [True, True, True, False]


def test_an_open_fence_ends_with_its_document() -> None:
    assert protected("```\nx", "y") == [True, True, False]


def test_indented_code_but_no_list() -> None:
    assert protected("    x = 1\n\ty\n    • item\n   three") == [True, True, False, False]


@pytest.mark.parametrize("block", ["$$\nx\n$$", "\\[\nx\n\\]", "$$ x\ny $$"])
def test_display_mathematics(block: str) -> None:
    assert protected(block + "\nb") == [True] * (block.count("\n") + 1) + [False]


def test_mathematics_on_one_line() -> None:
    assert protected("$$x$$\nb\n\\[x\\]\nb") == [True, False, True, False]


def test_core_is_the_line_without_case_and_punctuation() -> None:
    text = decode(["» Skip to Content!\nskip to contents"])
    assert np.isin(shape(text, lines(text)).core, core_ids(["skip to content"])).tolist() == [True, False]


def test_separators_between_links() -> None:
    text = decode(["a | b · c\n| a |\na / b > c\na/b>c\n• a"])
    assert shape(text, lines(text)).separators.tolist() == [2, 0, 2, 0, 0]
