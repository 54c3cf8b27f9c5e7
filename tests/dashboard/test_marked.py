"""Marks in documents: chips, cuts, differences; and nothing of a hostile text that would be markup."""

from __future__ import annotations

import re
from typing import Any

from dashboard_curated import HOSTILE

from dashboard import marked
from dashboard.aligned import aligned
from workbench.html import Span

OURS = re.compile(r'</?(?:mark|span|del|ins|b|table|thead|tbody|tr|th|td)(?: [a-z-]+="[^"<>]*")*>')


def edit(kind: str, start: int, end: int, replacement: str | None, removed: str | None = None) -> dict[str, Any]:
    step = "pii" if kind.startswith("pii:") else "lines"
    return {"step": step, "kind": kind, "start": start, "end": end} | {
        "removed": removed,
        "digest": None if removed is not None else "0f" * 16,
        "replacement": replacement,
    }


def text_of(markup: str) -> str:
    """What is left once our own marks are gone; any other `<` would show here."""
    return OURS.sub("", markup)


def test_personal_data_is_a_chip_with_its_kind() -> None:
    pieces, problem = marked.pieces_of("Write to <EMAIL> now", [edit("pii:email", 9, 26, "<EMAIL>")])
    assert not problem
    markup = marked.final(pieces).markup
    assert '<span class="chip" title="personal data (email), replaced' in markup
    assert text_of(markup) == "Write to email now"


def test_cuts_and_spans_are_marked_where_they_stand() -> None:
    pieces, _ = marked.pieces_of("abcdef", [edit("line:policy", 3, 12, "", "\nCookies!")])
    markup = marked.final(pieces, [Span(1, 5, "suite:1", "item")]).markup
    assert markup.count('<mark class="item"') == 2
    assert text_of(markup) == "abc✂def"
    assert "line:policy: 9 characters were cut here" in markup


def test_the_difference_shows_what_went_and_what_came() -> None:
    edits = [edit("line:policy", 3, 12, "", "\nCookies!"), edit("pii:email", 14, 27, "<EMAIL>")]
    pieces, problem = marked.pieces_of("abcde<EMAIL>f", edits)
    assert not problem
    markup = marked.difference(pieces).markup
    assert text_of(markup) == "abc−\nCookies!de−[email: 13 characters]+&lt;EMAIL&gt;f"
    assert markup.count("<del") == 2 and markup.count("<ins") == 1


def test_long_unchanged_passages_are_shortened() -> None:
    pieces, _ = marked.pieces_of("x" * 5000, [edit("line:policy", 2500, 2509, "", "\nCookies!")])
    assert marked.difference(pieces).markup.count("2,340 characters unchanged") == 2


def test_edits_of_another_text_are_told() -> None:
    pieces, problem = marked.pieces_of("abc", [edit("pii:email", 90, 99, "<EMAIL>")])
    assert "beyond the edited text" in problem
    assert text_of(marked.final(pieces).markup) == "abc"


def test_a_large_document_is_cut_at_the_limits() -> None:
    for text in ("é" * 3_000_000, "a\u200b" * 500_000, "e" + "\u0301" * 1_000_000, "\0" * 300_000):
        pieces, _ = marked.pieces_of(text, [])
        found = marked.final(pieces)
        assert 0 < found.shown < found.total == len(text)
        assert len(found.markup) <= marked.MOST_MARKUP
        assert len(marked.difference(pieces).markup) <= marked.MOST_MARKUP
    assert marked.final(marked.pieces_of("short", [])[0]) == ("short", 5, 5)


def test_nothing_of_a_hostile_text_is_markup() -> None:
    removed = "<script>alert(2)</script>"
    pieces, _ = marked.pieces_of(HOSTILE, [edit('x" onclick="y', 0, len(removed), "", removed)])
    both = aligned(HOSTILE, HOSTILE.replace("turned", "<i>went</i>"), ("<b>", '"'), ([(0, 8)], [(2, 9)]))
    for markup in (marked.final(pieces).markup, marked.difference(pieces).markup, both.markup):
        assert "<" not in text_of(markup).replace('<table class="aligned">', "")
        assert 'onclick="' not in markup
        assert "\u202e" not in markup and "⟨U+202E⟩" in markup


def test_two_texts_are_aligned_word_by_word() -> None:
    found = aligned("The tide comes in twice.", "The tide goes in twice a day.", ("left", "right"))
    assert (found.places, found.whole) == (1, True)
    assert '<mark class="removed" title="only in left at this place">comes</mark>' in found.markup
    assert '<mark class="added" title="only in right at this place">goes</mark>' in found.markup
    assert aligned("one  two", "one\ntwo", ("a", "b")).places == 0
    assert not aligned("a " * 40_000, "b " * 40_000, ("a", "b")).whole
