"""The one form of extracted text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.extract.text import normalise, utf8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\n", "a\nb\nc"),
        ("a  \t\n b\u00a0\nc ", "a\n b\nc"),
        ("\n\n  a\n\n\n\nb\n \n\t\nc", "  a\n\nb\n\nc"),
        ("a\0b\x07c\x0bd\x0ce\x85f\x9bg", "abc\nd\ne\nfg"),
        ("soft\u00adhyphen \ufeffmark", "softhyphen mark"),
        ("می\u200cروم zero\u200bwidth", "می\u200cروم zero\u200bwidth"),
        ("e\u0301", "e\u0301"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert "\n\n\n" not in once and "\r" not in once and "\0" not in once


def test_lone_surrogates_are_replaced_and_pairs_joined() -> None:
    assert utf8("a\ud800b") == "a\ufffdb".encode()
    assert utf8("\ud83d\ude00") == "😀".encode()
    assert utf8("äöü") == "äöü".encode()


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_becomes_utf8(text: str) -> None:
    assert utf8(utf8(text).decode()) == utf8(text)
