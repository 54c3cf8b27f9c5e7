import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.html import Html, Span, block, escape, figure, mark, page, section, table, visible

EVIL = "</div><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\"'&"


def text_of(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def test_markup_becomes_text() -> None:
    assert visible("<b>&\"'") == "&lt;b&gt;&amp;&quot;&#x27;"
    assert escape('a"onload="x\x00') == "a&quot;onload=&quot;x⟨U+0000⟩"


def test_hidden_characters_are_set_off() -> None:
    assert visible("a\u202eb\n") == 'a<span class="hidden">⟨U+202E⟩</span>b\n'


def test_spans_count_code_points_of_the_text() -> None:
    text = "𝒳\u200b<mail>"
    assert mark(text, [Span(2, 8, note='pii:"email"')]) == (
        '𝒳<span class="hidden">⟨U+200B⟩</span><mark class="" title="pii:&quot;email&quot;">&lt;mail&gt;</mark>'
    )


def test_overlapping_spans_share_their_stretch() -> None:
    assert mark("abcdef", [Span(0, 4, "x", "removed"), Span(2, 6, "y")]) == (
        '<mark class="removed" title="x">ab</mark>'
        '<mark class="removed" title="x; y">cd</mark>'
        '<mark class="" title="y">ef</mark>'
    )


def test_impossible_spans_are_passed_over() -> None:
    assert mark("abc", [Span(-1, 2), Span(2, 2), Span(1, 9)]) == "abc"


@given(st.text(), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))))
def test_marking_changes_no_character(text: str, spans: list[tuple[int, int]]) -> None:
    marked = mark(text, [Span(start, end, "n") for start, end in spans])
    assert text_of(marked) == text_of(visible(text)) == text_of(escape(text))


@pytest.mark.parametrize(
    "markup",
    [
        visible(EVIL), escape(EVIL), mark(EVIL, [Span(0, 9, EVIL, EVIL)]), block(EVIL), section(EVIL, EVIL),
        table([EVIL], [[EVIL]], EVIL), figure(Html(""), EVIL), page(EVIL, EVIL),
    ],
)  # fmt: skip
def test_hostile_text_never_becomes_markup(markup: str) -> None:
    assert "<script" not in markup
    assert "<img" not in markup
    assert "\u202e" not in markup


def test_table_aligns_numbers_and_keeps_markup() -> None:
    shown = table(["name", "n"], [["a", 1200], [Html("<b>x</b>"), None]])
    assert '<td class="number">1,200</td>' in shown
    assert "<td><b>x</b></td>" in shown
    assert '<td class="number">-</td>' in shown


def test_page_needs_nothing_but_itself() -> None:
    text = page("Report", section("One", "A paragraph."))
    assert text.startswith("<!DOCTYPE html>")
    assert "default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;; img-src data:" in text
    assert "<h2>One</h2><p>A paragraph.</p>" in text
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"(src|href)=|url\(|@import|<script", text)
