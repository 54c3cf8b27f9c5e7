"""The families `c4_datatrove`, `c4_tfds` and `c4_paragraphs` against plain restatements."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.segment import Segments, Spans

POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
PIECES = [
    "One two three four five. ", "Two words", "Is it? Yes! ", "no end mark here at all", "wait...", 'he said "so"',
    "it's 'so'", "\n", "\n", "\r\n", "\u2028", " ", "\t", "[1]", "[edit]", "[citation needed]", "[Edit]", "[12",
    "Lorem Ipsum ", "lorem [2]ipsum ", "JavaScript ", "java[3]script ", "{", "}", "Terms of use ",
    "our Privacy Policy ", "we use cookies. ", "cookie[4] policy ", "K", "x" * 1001, "x" * 1000, ".", "!", " [5]",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
NAMES = ("kept_lines", "removed_lines", "short_lines", "javascript_lines", "policy_lines", "sentences", "lorem_first",
         "lorem_ipsum", "curly_bracket")  # fmt: skip


def sentence_count(line: str, own: bool) -> int:
    """Sentences of a line that stands alone; spaCy's include one of white space, as the program counts them."""
    view = Segments([line])
    whole = Spans(view.text.first[:-1], view.text.first[1:], np.arange(2))
    return max(1, len(view.sentences.begin) if own else int(view.sentence_counts_spacy(whole)[0]))


def walk(text: str, fewest: int, marks: tuple[str, ...], own: bool) -> dict[str, int]:
    """The rules line by line, as if no line dropped the page."""
    counts = dict.fromkeys((*NAMES, "long_word_lines", "no_punct_lines", "lines"), 0)
    first = ""
    for line in text.splitlines():
        counts["lines"] += 1
        line = line.strip()
        words = line.split()
        if any(len(word) > 1000 for word in words):
            counts["long_word_lines"] += 1
            continue
        line = re.sub(r"\[\d*]|\[edit]|\[citation needed]", "", line)
        if marks and (not line.endswith(marks) or line.endswith("...")):
            counts["no_punct_lines"] += 1
            continue
        if len(line.split() if own else words) < fewest:
            counts["short_lines"] += 1
            continue
        low = line.lower()
        if "lorem ipsum" in low:
            counts["lorem_ipsum"] += 1
            first = first or "lorem"
        if "javascript" in low:
            counts["javascript_lines"] += 1
            continue
        if "{" in line:
            counts["curly_bracket"] += 1
            first = first or "curly"
        if any(phrase in low for phrase in POLICY):
            counts["policy_lines"] += 1
            continue
        counts["sentences"] += sentence_count(line, own)
        counts["kept_lines"] += 1
    counts["removed_lines"] = counts["lines"] - counts["kept_lines"]
    counts["lorem_first"] = int(first == "lorem")
    return counts


def family(row: dict[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}


@settings(deadline=None, max_examples=120)
@given(TEXTS)
def test_every_measure_is_as_restated(measured, text: str) -> None:
    (row,) = measured([text])
    off = walk(text, 3, (), own=False)
    on = walk(text, 3, (".", "?", "!", '"', "'"), own=False)
    expected = {name: off[name] for name in ("lines", "long_word_lines", *NAMES)}
    expected |= {f"terminal_{name}": on[name] for name in ("no_punct_lines", *NAMES)}
    assert family(row, "c4_datatrove.") == expected
    ours, theirs = family(row, "c4_tfds."), walk(text, 5, (".", "?", "!", '"'), own=True)
    # Our splitter sees the line in its text, where a paragraph break may end a sentence that the line alone would not.
    assert abs(ours.pop("sentences") - theirs.pop("sentences")) <= theirs["kept_lines"]
    assert ours == theirs


@pytest.mark.parametrize(
    ("text", "measure", "value"),
    [
        ("A lorem ipsum line here.\nA { line here.", "lorem_first", 1),
        ("A { line here.\nA lorem ipsum line here.", "lorem_first", 0),
        ("A { line here.\nA lorem ipsum line here.", "curly_bracket", 1),
        ("javascript { is not reached", "curly_bracket", 0),
        ("{ x", "curly_bracket", 0),  # too short a line to be looked at
        ("One sentence here. Two of them here.", "sentences", 2),
        ("Three words here", "terminal_no_punct_lines", 1),
        ("[1] [2] [3]", "kept_lines", 1),  # words are counted before the citations go
    ],
)
def test_small_texts(measured, text: str, measure: str, value: int) -> None:
    assert measured([text])[0][f"c4_datatrove.{measure}"] == value


def test_tfds_counts_words_after_the_citations_are_cut(measured) -> None:
    assert measured(["One [1] [2] [3] two."])[0]["c4_tfds.short_lines"] == 1


@pytest.mark.parametrize(
    ("text", "lines", "third"),
    [("", 1, 0), ("a\nbb", 2, 0), ("a\nbb\nccc", 3, 1), ("a\nbb\nccc\ndddd", 4, 2), ("\n\n\n", 4, 0)],
)
def test_third_longest_line(measured, text: str, lines: int, third: int) -> None:
    (row,) = measured([text])
    assert (row["c4_paragraphs.lines"], row["c4_paragraphs.third_longest_line"]) == (lines, third)
