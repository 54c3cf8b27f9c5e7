import unicodedata

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.folding import BLANK, CODE, NOTHING, Tokens, characters, folded_words, table
from curate.segment import Segments, decode, word_id

PIECES = st.lists(
    st.sampled_from([*"aÉßΣ019 \n\t.,;'-_²", " ", " ", "é", "ÅÖ", "१२", "1,000.50", "漢字", "한국", "को", "x٫y", "٣٫٤"])
)


def folded_surfaces(text: str) -> list[str]:
    """The words of a text after FineWeb's normalisation, each as the pieces it falls apart into."""
    pieces = []
    segments = Segments([text])
    words = segments.words_uax29
    for begin, end in zip(words.begin, words.end, strict=True):
        lower = segments.text.slice(begin, end).lower().replace("ς", "σ")
        word = regex.sub(r"\p{Nd}+([.,،٫⎖⎗⎘]\p{Nd}+)?", "0", lower)
        word = regex.sub(r"[^\p{Alphabetic}\p{N}\p{M}\p{Cf}]", " ", word)
        bare = "".join(c for c in unicodedata.normalize("NFD", word) if unicodedata.category(c) != "Mn")
        pieces += unicodedata.normalize("NFC", bare).split()
    return pieces


def words(text: str) -> Tokens:
    segments = Segments([text])
    found = segments.words_uax29
    return Tokens(*folded_words(segments.text.codes, found.begin, found.end, found.first, table("fineweb")))


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ärger ÉTÉ", ["arger", "ete"]),
        ("3rd 1,000.50 12345", ["0rd", "0", "0", "0"]),
        ("don't x_y", ["don", "t", "x", "y"]),
        ("İzmir", ["izmir"]),
        ("é", ["e"]),
        ("12\u202f000", ["0", "0"]),
        ("한국", ["한국"]),
    ],
)
def test_words_as_fineweb_reads_them(text: str, folded: list[str]) -> None:
    assert [hex(i) for i in words(text).ids] == [hex(word_id(word)) for word in folded]
    assert folded_surfaces(text) == folded


@settings(deadline=None)  # the first call compiles
@given(PIECES.map("".join))
def test_folded_words_are_those_of_the_regular_expressions(text: str) -> None:
    assert list(words(text).ids) == [word_id(word) for word in folded_surfaces(text)]


def test_tokens_know_where_they_come_from() -> None:
    found = words("Zwei: 1,5 don't")
    spans = list(zip(found.begin, found.end, strict=True))
    assert ["Zwei: 1,5 don't"[begin:end] for begin, end in spans] == ["Zwei", "1,5", "don", "t"]


def test_many_words_of_one_document_find_room() -> None:
    text = "a'b'c'd " * 5000
    assert len(words(text).ids) == 20000
    assert len(words("'".join("x" * 300)).ids) == 300


def letters(text: str, fold: str = "lower") -> list[int]:
    decoded = decode([text])
    return list(characters(decoded.codes, decoded.first, table(fold))[3])


@settings(deadline=None)  # the first call compiles
@given(PIECES.map("".join))
def test_characters_in_lower_case_with_blanks_as_one(text: str) -> None:
    lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    assert letters(text) == [ord(c) for c in " ".join(lower.split())]


def test_characters_as_fineweb_reads_them() -> None:
    assert letters("Été, 12.5 — ok!", "fineweb") == [ord(c) for c in "ete 0 ok"]


def test_spans_of_characters() -> None:
    decoded = decode([" A  b ", "", "c"])
    begin, end, first, _ = characters(decoded.codes, decoded.first, table("lower"))
    assert list(zip(begin, end, strict=True)) == [(1, 2), (2, 4), (4, 5), (6, 7)]
    assert list(first) == [0, 3, 3, 4]


@pytest.mark.parametrize("fold", ["lower", "fineweb"])
def test_folding_twice_changes_nothing(fold: str) -> None:
    entries = table(fold)
    codes = entries & CODE
    plain = entries & (BLANK | NOTHING) == 0
    assert np.array_equal(entries[codes[plain]] & CODE, codes[plain])
