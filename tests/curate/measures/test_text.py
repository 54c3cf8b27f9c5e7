"""The families `text`, `script` and `code`."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.segment import Segments, surfaces


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(max_codepoint=0x3000, exclude_categories=["Cs"]), max_size=80))
def test_counts_of_characters_are_pythons(measured, text: str) -> None:
    (row,) = measured([text])
    cased = [c for c in text if c.isupper() or c.islower() or c.istitle()]
    assert row["text.chars"] == len(text)
    assert row["text.bytes"] == len(text.encode())
    assert row["text.lines"] == (len(text.split("\n")) if text else 0)
    assert row["text.digit_share"] == share(sum(map(str.isdecimal, text)), len(text))
    assert row["text.alpha_share"] == share(sum(map(str.isalpha, text)), len(text))
    assert row["text.space_share"] == share(sum(map(str.isspace, text)), len(text))
    assert row["text.longest_line"] == max(map(len, text.split("\n")))
    assert row["text.longest_word"] == max(map(len, text.split()), default=0)
    assert row["text.upper_share"] <= 1.0 or not cased
    counts = Counter(text).values()
    entropy = -sum(n / len(text) * math.log2(n / len(text)) for n in counts)
    assert row["text.char_entropy"] == pytest.approx(entropy, abs=1e-9)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(["one ", "Two ", "two", "three. ", "\n", "\n\n", " x"]), max_size=30).map("".join))
def test_counts_of_words_are_those_of_the_segments(measured, text: str) -> None:
    (row,) = measured([text])
    view = Segments([text])
    words = surfaces(view.text, view.words_uax29, 0)
    assert row["text.words"] == len(words)
    assert row["text.mean_word_length"] == share(sum(map(len, words)), len(words))
    assert row["text.unique_words"] == share(len(set(words)), len(words))
    assert row["text.sentences"] == len(view.sentences.begin)
    assert row["text.newlines_per_word"] == share(text.count("\n"), len(words))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("word", 1),
        ("eightlet", 1),
        ("nineletters", 2),
        ("internationalisation", 3),
        ("Hello, world!", 4),
        ("a  b\n\nc", 3),
        ("snake_case", 2),
        ("____", 1),
        ("中文", 2),
        ("Ünïcödé", 2),  # 11 bytes
        ("e\u0301", 1),
        ("...", 3),
    ],
)
def test_estimate_of_tokens(measured, text: str, tokens: int) -> None:
    assert measured([text])[0]["text.tokens"] == tokens


@pytest.mark.parametrize(
    ("text", "measure", "value"),
    [
        ("aaaa", "char_entropy", 0.0),
        ("abab", "char_entropy", 1.0),
        ("Ab1!", "upper_share", 0.5),
        ("a\x01\x02\tb\r\n", "control_chars", 2),
        ("a\ufffdb\ufffd", "replacement_chars", 2),
        ("see https://a.b/c and www.d.e, http://f.", "url_count", 3),
        ("https://a.b/c.", "url_share", 13 / 14),
        ("<b>x</b>", "markup_share", 7 / 8),
        ("a < b > c", "markup_share", 0.0),
        ("R&amp;D &c", "markup_share", 5 / 10),
        ("x{a{b}c}y", "markup_share", 7 / 9),
        ("{ open", "markup_share", 0.0),
        ("}{<i>}", "markup_share", 5 / 6),
        ("int x = 1;\nif (a == b) {\nprose line\n}\n\n", "code_share", 3 / 4),
        ("ab\n\nabcd\n", "mean_line_length", 3.0),
        ("One.\n\nTwo.\nThree.", "paragraphs", 2),
    ],
)
def test_small_texts(measured, text: str, measure: str, value: float) -> None:
    assert measured([text])[0][f"text.{measure}"] == value


@pytest.mark.parametrize(
    ("text", "main", "share_of_main"),
    [
        ("", "", 0.0),
        ("123 .", "", 0.0),
        ("English text", "latin", 1.0),
        ("Русский текст", "cyrillic", 1.0),
        ("中文字ab", "han", 3 / 5),
        ("ひらがなカタカナ", "kana", 1.0),
        ("한국어", "hangul", 1.0),
        ("ქართული", "other", 1.0),
    ],
)
def test_main_script(measured, text: str, main: str, share_of_main: float) -> None:
    (row,) = measured([text])
    assert (row["script.main"], row["script.main_share"]) == (main, share_of_main)


def test_words_that_mix_scripts(measured) -> None:
    # The first word has a Cyrillic а, the third a Greek omicron; Japanese mixes scripts by nature.
    assert measured(["pаypal bank gοld 日本の名前 Tシャツ"])[0]["script.mixed"] == 2


def test_lines_of_code(measured) -> None:
    text = "def f(x):\n    return x\n# a comment\n// another\nplain words\n"
    (row,) = measured([text])
    assert row["code.indented_share"] == 1 / 5
    assert row["code.comment_share"] == 2 / 5
    assert row["code.keyword_share"] == 1 / 10  # def
    assert row["code.brace_share"] == 4 / len(text)
