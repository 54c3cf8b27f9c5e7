"""Normalised texts: what is the same for a reader, and that the same text always has the same shingles."""

import numpy as np
import pytest
import xxhash
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.duplicates.config import Near
from curate.duplicates.normal import normalised, text_keys
from curate.duplicates.shingles import shingle_sets
from curate.segment import Segments, decode
from curate.segment.tables import SPACE, classes

# Letters, numbers, white space of every word break class, joiners and marks (one of them a letter for UAX #29).
ALPHABET = "aBß1. '_\t\n\r\x1c\x85\xa0\u2003\u202f\u3000\u0301\u093f\u200b\u200d\u200e\u2139\u0130中ア\U0001f1e6"


def _texts(strings: list[str]) -> list[str]:
    text = normalised(decode(strings))
    return [text.slice(int(text.first[d]), int(text.first[d + 1])) for d in range(text.docs)]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("", ""),
        (" \n\t ", ""),
        ("  The CAT \n\n sat.\r\n", "the cat sat."),
        ("a\u00a0\u3000b", "a b"),
        ("ΣΑΣ İ ẞ", "σασ İ ß"),
        ("12\u202f000", "12\u202f000"),
        ("a \t\u0301b", "a \t\u0301b"),
        ("\u0301a  b", "\u0301a b"),
        ("Wait, what?!", "wait, what?!"),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    assert _texts([text]) == [normal]


def test_documents_do_not_touch() -> None:
    assert _texts(["a ", " b", "", "\n", "c  d"]) == ["a", "b", "", "", "c d"]


def test_keys_are_hashes_of_the_normal_form_and_zero_where_it_is_empty() -> None:
    keys = text_keys(decode(["A  b", "a b\n", " ", "a b.", ""]))
    digest = xxhash.xxh3_128_hexdigest("a b".encode("utf-32-le"))
    assert [f"{high:016x}{low:016x}" for high, low in keys[:2].tolist()] == [digest, digest]
    assert keys[2].tolist() == keys[4].tolist() == [0, 0]
    assert keys[3].tolist() != keys[0].tolist()


def test_every_white_space_between_words_is_a_blank_but_the_one_within_numbers() -> None:
    white = [chr(code) for code in np.flatnonzero(classes().flags & SPACE)]
    assert "\u202f" in white
    assert {
        normal for space, normal in zip(white, _texts([f"a{c}b" for c in white]), strict=True) if space != "\u202f"
    } == {"a b"}


@given(st.text(ALPHABET, max_size=12) | st.text(max_size=12))
@settings(deadline=None)
def test_normalising_again_changes_nothing(text: str) -> None:
    once = _texts([text])
    assert _texts(once) == once


@given(
    st.text(ALPHABET, max_size=12),
    st.sampled_from(["word", "char"]),
    st.sampled_from(["lower", "fineweb"]),
    st.integers(1, 3),
)
@example("  \u200d\u2139", "word", "lower", 1)
@example("\n\u093fa", "word", "lower", 1)
@settings(max_examples=500, deadline=None)
def test_equal_keys_mean_equal_shingles(text: str, shingle: str, fold: str, ngram: int) -> None:
    segments = Segments([text, *_texts([text])])
    keys = text_keys(segments.text)
    assert keys[0].tolist() == keys[1].tolist()
    hashes, first = shingle_sets(segments, Near.model_validate({"shingle": shingle, "fold": fold, "ngram": ngram}))
    assert hashes[: first[1]].tolist() == hashes[first[1] :].tolist()
