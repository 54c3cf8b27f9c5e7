"""The family `gopher_datatrove` against a plain restatement of datatrove's rules."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.measures.characters import punctuation_sets
from curate.segment import Segments, surfaces

STOP = {"the", "be", "to", "of", "and", "that", "have", "with"}
SETS = punctuation_sets()
SYMBOLS = {chr(code) for code in SETS["symbol"] + SETS["terminal"]}
PIECES = [
    "the", "The", " of", " and", "a", "ab", "b", " a b c d e f", "x y", "#", "...", "…", "....", ". ", ", ", "\n",
    "\n\n", "\n\n\n", " ", "  ", "- item\n", " • item\n", "same line\n", "same line\n\n", "1", " 10 1 ", "dog.",
    "don't ", "(x)", "é", "\r\n", "\u2028", "\x0b", "„", "中文", "end...\n", "end…  \n", "-", "--",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def excess(items: list[str]) -> tuple[int, int]:
    """Items that occurred before, and their characters."""
    again = [item for i, item in enumerate(items) if item in items[:i]]
    return len(again), sum(map(len, again))


def restated(text: str) -> dict[str, float]:
    """The measures as Python says them, on the tokens of the segmenter."""
    view = Segments([text])
    words = surfaces(view.text, view.words_spacy, 0)
    plain = [word for word in words if set(word) - SYMBOLS]
    lines = text.splitlines()
    stripped_right = [line.rstrip() for line in lines]
    share = lambda part, whole: part / whole if whole else 0.0  # noqa: E731
    out = {
        "chars": len(text),
        "words": len(plain),
        "mean_word_length": share(sum(map(len, plain)), len(plain)),
        "hash_ratio": share(text.count("#"), len(words)),
        "ellipsis_ratio": share(text.count("...") + text.count("…"), len(words)),
        "bullet_lines": share(sum(line.lstrip().startswith(("•", "-")) for line in lines), len(lines)),
        "ellipsis_lines": share(sum(line.endswith(("...", "…")) for line in stripped_right), len(lines)),
        "alpha_words": share(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "stop_words": len(STOP & set(words)),
    }
    for name, blocks in (("para", re.split(r"\n{2,}", text.strip())), ("line", re.split(r"\n+", text))):
        count, chars = excess(blocks)
        out[f"dup_{name}_frac"] = share(count, len(blocks)) if text else 0.0
        out[f"dup_{name}_char_frac"] = share(chars, len(text))
    for n in (2, 3, 4):
        grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
        top, copies = grams.most_common(1)[0] if grams else ("", 0)
        out[f"top_{n}_gram"] = share(len(top) * copies, len(text))
    for n in range(5, 11):
        seen: set[str] = set()
        repeated = i = 0
        while i < len(words) - n + 1:
            gram = "".join(words[i : i + n])
            repeated += len(gram) * (gram in seen)
            i += n if gram in seen else 1
            seen.add(gram)
        out[f"dup_{n}_gram"] = share(repeated, len(text))
    return out


def family(row: dict[str, float]) -> dict[str, float]:
    prefix = "gopher_datatrove."
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_every_measure_is_as_restated(measured, text: str) -> None:
    assert family(measured([text])[0]) == restated(text)


@settings(deadline=None, max_examples=100)
@given(st.one_of(TEXTS, st.text(max_size=60)))
def test_tokens_are_the_text_without_its_white_space(text: str) -> None:
    view = Segments([text])
    assert "".join(surfaces(view.text, view.words_spacy, 0)) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "measure", "value"),
    [
        ("a b c d e a b c d e", "dup_5_gram", 5 / 19),
        ("one two one two three four", "top_2_gram", 14 / 26),  # "one two" twice
        ("one two three", "top_2_gram", 7 / 13),  # where nothing repeats, the first pair counts once
        ("one", "top_2_gram", 0.0),
        ("a\nb\na\na", "dup_line_frac", 2 / 4),
        ("a\nb\n\na\nb", "dup_para_char_frac", 3 / 8),
        ("x\n\nx\n\n", "dup_line_frac", 1 / 3),  # the closing line feeds leave an empty line
        ("a - b", "words", 2),
    ],
)
def test_small_texts(measured, text: str, measure: str, value: float) -> None:
    assert measured([text])[0][f"gopher_datatrove.{measure}"] == value


def test_token_boundaries_vanish_in_repeated_n_grams(measured) -> None:
    text = "a b c d ef x a b c de f"
    assert measured([text])[0]["gopher_datatrove.dup_5_gram"] == 6 / len(text)


def test_n_grams_longer_than_the_power_table(measured) -> None:
    words = " ".join(letter * 300 for letter in "abcdefg")
    text = f"{words} {words}"
    assert measured([text])[0]["gopher_datatrove.dup_7_gram"] == 2100 / len(text)
