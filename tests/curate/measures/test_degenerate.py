"""Odd texts are measured like any other: no exception, no null, no NaN, ratios within their bounds."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ODD = {
    "empty": "",
    "a space": " ",
    "blanks": " \t\n\r\n\x0b\x0c\x1c\x85\u2028\u3000 \n",
    "line feeds": "\n\n\n",
    "a word": "word",
    "a mark": ".",
    "NULs": "\x00\x00 a\x00b\n\x00",
    "lone surrogates": "a \ud800 b\udfff. \udc00",
    "beyond the first plane": "😀😃 𝒳𝒴 𠀀𠀁 \U0010ffff",
    "Chinese": "这是一个测试。我们在这里。\n这是一个测试。",
    "Thai": "นี่คือการทดสอบ และนี่คือการทดสอบ",
    "marks that combine": "e\u0301\u0301\u0301 \u0301",
    "open braces": "{" * 300,
    "open tags": "<a" * 300,
    "brackets": "[1][edit][citation needed]\n[1] [2] [3] [4] [5] [6]",
    "an address without a host": "http:// www. https://",
    "one byte order mark": "\ufeff",
}  # fmt: skip
SHARES = ("_share", "_frac", "_lines", "_ratio")


def assert_sound(row: dict[str, Any]) -> None:
    for name, value in row.items():
        assert value is not None, name
        if isinstance(value, float):
            assert math.isfinite(value), name
            assert value >= 0.0, name
            if name.endswith(("_share", "_frac", "_char_frac")) and not name.startswith("lexicon."):
                assert value <= 1.0, (name, value)


@pytest.mark.parametrize("name", ODD)
def test_odd_texts(name: str, measured) -> None:
    (row,) = measured([ODD[name]])
    assert_sound(row)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=120), max_size=4))
def test_any_text(measured, texts: list[str]) -> None:
    for row in measured(texts):
        assert_sound(row)


def test_a_million_characters_on_one_line(measured) -> None:
    rows = measured(["ab " * 350_000, "x" * 1_000_000, ". " * 300_000])
    for row in rows:
        assert_sound(row)
    assert rows[0]["text.words"] == 350_000
    assert rows[0]["gopher_datatrove.dup_5_gram"] > 0.6
    assert rows[1]["text.longest_word"] == 1_000_000


def test_the_empty_text_has_nothing(measured) -> None:
    (row,) = measured([""])
    all_repeated = {f"gopher_olmo3.dup_{unit}_{kind}frac" for unit in ("line", "para") for kind in ("", "char_")}
    for name, value in row.items():
        # datamap-rs takes a text without lines for fully repeated; datatrove splits the empty text into one line.
        expected: Any = 1.0 if name in all_repeated else 1 if name == "c4_paragraphs.lines" else type(value)()
        assert value == expected, name
