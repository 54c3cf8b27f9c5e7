"""Signs of scripts without blanks become words, and every place stays where it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from curate.search.words import BEGIN, END, GAP, parts, prepare, spans


def shown(text: str) -> str:
    return prepare(text).replace(GAP, "|")


def test_each_sign_is_set_off_with_its_marks() -> None:
    assert shown("in 北京 x") == "in |北||京| x"
    assert shown("น้ำ") == "|น้||ำ|"
    assert shown("C言語") == "C|言||語|"


def test_other_scripts_are_left_alone() -> None:
    text = "Straße, हिन्दी, Ελλάδα, 100 %"
    assert prepare(text) is text


def test_what_would_end_or_mark_a_text_becomes_a_blank() -> None:
    assert shown(f"a\0b{BEGIN}c{END}d{GAP}e") == "a b c d e"


@given(st.text())
def test_all_places_stay(text: str) -> None:
    bare = prepare(text).replace(GAP, "")
    assert len(bare) == len(text)
    assert all(left == right or right in "\0\x02\x03\x1f" for left, right in zip(bare, text, strict=True))


def test_spans_are_counted_in_the_text_itself() -> None:
    highlighted = f"x {BEGIN}{GAP}北{GAP}{GAP}京{GAP}{END} y {BEGIN}z{END}"
    assert spans(highlighted) == [(2, 4), (7, 8)]


def test_a_question_without_blanks_falls_into_pairs() -> None:
    assert parts("東京都は") == ["東京", "京都", "都は"]
    assert parts("水") == ["水"]
    assert parts("Pythonと北京v2") == ["Python", "と北", "北京", "v2"]
    assert parts("plain") == ["plain"]
