"""The scanner: what HTML lets authors leave out, what it must not choke on, where blocks begin."""

import numpy as np
import pytest

from curate.extract.learn.labels import texts_of
from curate.extract.winnow.analyse import analyse, ready
from curate.extract.winnow.facts import CHARS, CLOCKS, FUNCTION, LINK_CHARS, WORDS, YEARS
from curate.extract.winnow.names import BITS, ID, TAGS
from curate.extract.winnow.scan import DEEPEST


def blocks(html: str) -> list[tuple[str, str]]:
    """Element and text of every block."""
    analysed = analyse(html)
    nodes = analysed.page.block_node
    return [(TAGS[analysed.page.tag[node]], text) for node, text in zip(nodes, texts_of(analysed), strict=True)]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>one<p>two <b>bold</b> end", [("p", "one"), ("p", "two bold end")]),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", [("li", "a"), ("li", "b"), ("li", "c")]),
        ("<dl><dt>t<dd>d<dt>u</dl>", [("dt", "t"), ("dd", "d"), ("dt", "u")]),
        ("<table><tr><td>1<td>2<tr><td>3</table>x", [("td", "1"), ("td", "2"), ("td", "3"), ("body", "x")]),
        ("a<br>b<br><br>c", [("body", "a b"), ("body", "c")]),
        ("<p>a < b</p>", [("p", "a < b")]),
        ("<p>x</div></span></p>y", [("p", "x"), ("body", "y")]),
        ("<div><p>a</div>b", [("p", "a"), ("body", "b")]),
        ("<!-- <p>no --><p>yes<!---->!</p>", [("p", "yes!")]),
        ("<script>'<p>no</p>'</script><style>p{}</style><P>yes", [("p", "yes")]),
        ('<script type="text/template"><p>inside</p></script>', [("p", "inside")]),
        ('<script type="text/template">{"not": "<p>"}</script><p>yes', [("p", "yes")]),
        ("<textarea>  raw\n <p> </textarea>", [("textarea", "raw <p>")]),
        ("<pre>a\n<span>b</span></pre>c", [("pre", "a b"), ("body", "c")]),
        ("<a href=x>one<a href=y>two</a>", [("body", "onetwo")]),
        ("<p title='>'>q</p>", [("p", "q")]),
        ("<h1>a</h1>b<hr>c", [("h1", "a"), ("body", "b"), ("body", "c")]),
        ("<my-box><p>own</p></my-box>", [("p", "own")]),
        ("<p>unfinished <a href='", [("p", "unfinished")]),
        ("", []),
        ("<", [("body", "<")]),
        ("text alone", [("body", "text alone")]),
    ],
)
def test_blocks(html: str, expected: list[tuple[str, str]]) -> None:
    assert blocks(html) == expected


def test_an_empty_element_of_xhtml_does_not_swallow_the_page() -> None:
    assert blocks("<?xml version='1.0'?><html><script src='x'/><div/><p>text</p></html>") == [("p", "text")]


def test_words_of_attributes_become_bits() -> None:
    analysed = analyse('<div class="siteFooter main-nav" id=x><div role=main><div style="display: none" hidden>t')
    bits = [{BITS[k] for k in range(32) if value >> k & 1} for value in analysed.page.bits[1:].tolist()]
    assert {"footer", "nav"} <= bits[0] and "main" in bits[1] and bits[2] == {"unseen"}


def test_facts_of_a_block() -> None:
    analysed = analyse("<p>The &amp; sign <a href=x>of all</a>,&nbsp;here.")
    facts = analysed.known.facts[0]
    assert (facts[CHARS], facts[WORDS], facts[LINK_CHARS], facts[FUNCTION]) == (24, 5, 6, 3)


@pytest.mark.parametrize(
    "markup", ["<div>", "<b>", "<ul><li>a", "<table><tr><td>", "<a href=x>", "<", "<p>x</div>", "</p>"]
)
def test_deep_and_broken_pages_cost_no_more_than_their_length(markup: str) -> None:
    analysed = analyse(markup * 100_000 + "<p>the end</p>")
    assert texts_of(analysed)[-1].endswith("the end")
    assert analysed.page.depth.max(initial=0) <= DEEPEST


def test_parents_come_before_their_children() -> None:
    page = analyse("<div><ul><li>a<li>b</ul><p>c</div><p>d").page
    assert (page.parent[1:] < np.arange(1, len(page.parent))).all() and page.parent[0] == -1
    assert page.tag[0] == ID["body"]


@pytest.mark.parametrize(
    ("text", "years", "clocks"),
    [
        ("Emil 2017-04-01 07:02 UTC", 1, 1),
        ("Sun May 5 2009 8:43 pm", 1, 1),
        ("42 of 12024, 1979, 20201 and 2 0 1 5", 0, 0),
        ("from 1999 to 2003: ten to 3", 2, 0),
    ],
)
def test_years_and_times_of_day(text: str, years: int, clocks: int) -> None:
    row = analyse(f"<p>{text}").known.facts[0]
    assert (row[YEARS], row[CLOCKS]) == (years, clocks)


@pytest.mark.parametrize("before", range(5))
def test_a_formula_is_found_wherever_it_starts(before: int) -> None:
    page = "x" * before + "<math><mi>a</mi><mo>=</mo><mi>b</mi></math>"
    assert b"a=b" in ready(page.encode()).data.tobytes()
    assert b"\\(" in ready(page.encode()).data.tobytes()


def test_a_page_of_a_few_bytes_is_ready() -> None:
    assert [ready(b"<" * length).tags for length in range(6)] == list(range(6))
    assert ready(b"a\0b").data.tobytes() == b"ab"
