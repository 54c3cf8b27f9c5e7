"""The family `fineweb` against a plain restatement of datatrove's FineWeb rules."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.measures.characters import punctuation_sets
from curate.segment import Segments

TERMINAL = tuple(chr(code) for code in punctuation_sets()["terminal"])
PIECES = [
    "A line.\n", "A line. \n", "A longer line, one of more than thirty characters\n", "中文。\n", "?\n", "same\n",
    "same\n", " \n", "\n", "word ", "…\n", "x\r\n", "។\n", "x" * 30 + "\n", "y" * 31 + "\n",
]  # fmt: skip


def restated(text: str) -> dict[str, float]:
    lines = [line for line in text.split("\n") if line.strip()]
    again = [line for i, line in enumerate(lines) if line in lines[:i]]
    tokens = len(Segments([text]).words_spacy.begin)
    share = lambda part, whole: part / whole if whole else 0.0  # noqa: E731
    return {
        "fineweb.lines": len(lines),
        "fineweb.punct_lines": share(sum(line.endswith(TERMINAL) for line in lines), len(lines)),
        "fineweb.short_lines": share(sum(len(line) <= 30 for line in lines), len(lines)),
        "fineweb.dup_line_chars": share(sum(map(len, again)), len(text.replace("\n", ""))),
        "fineweb.list_ratio": share(text.count("\n"), tokens),
    }


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_every_measure_is_as_restated(measured, text: str) -> None:
    (row,) = measured([text])
    assert {name: value for name, value in row.items() if name.startswith("fineweb.")} == restated(text)


def test_there_are_159_terminal_marks() -> None:
    assert len(set(TERMINAL)) == 159


@pytest.mark.parametrize(("line", "share"), [("A line.", 1.0), ("A line. ", 0.0), ("A line…", 0.0), ("一行。", 1.0)])
def test_lines_are_not_stripped(measured, line: str, share: float) -> None:
    assert measured([line])[0]["fineweb.punct_lines"] == share
