"""What a page's source text goes through before an engine parses it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.extract.engines.resiliparse_engine import keep_lists
from curate.extract.markup import find_title, prepare


def test_a_page_without_anything_special_is_not_touched() -> None:
    html = '<html><body><p class="a">Text &amp; more</p><br/><ul><li>x</ul></body></html>'
    assert prepare(html) is html


def test_nuls_go() -> None:
    assert prepare("<p>a\0b</p>") == "<p>ab</p>"


def test_xhtml_becomes_html() -> None:
    page = '<?xml version="1.0"?>\n<html><script src="x"/><div class="t" /><br/><p>x</p></html>'
    assert prepare(page) == '\n<html><script src="x"></script><div class="t" ></div><br/><p>x</p></html>'
    assert prepare('<p>x</p><script src="x"/>') == '<p>x</p><script src="x"/>'


@pytest.mark.parametrize(
    ("inner", "plain"),
    [
        ('<span class="k">for</span> i:\n    <b>x</b>\n', "for i:\n    x\n"),
        ("<code>a &lt; b</code>", "a &lt; b"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<div>one</div><div>two</div>", "one\ntwo\n"),
        ('<a href="x">link</a> <abbr>y</abbr>', '<a href="x">link</a> y'),
        ("x<button>Copy</button><svg><path/></svg>y", "xy"),
        ("x <- y; a<b", "x <- y; a<b"),
    ],
)
def test_code_becomes_plain_text(inner: str, plain: str) -> None:
    assert prepare(f'<p>p</p><pre class="h">{inner}</pre>z') == f'<p>p</p><pre class="h"><code>{plain}</code></pre>z'


def test_line_numbers_of_code_go() -> None:
    assert prepare("<td><pre>1\n 2\n 3\n</pre></td><td><pre>x</pre></td>") == (
        "<td></td><td><pre><code>x</code></pre></td>"
    )


def test_unclosed_code_stays() -> None:
    assert prepare("<pre>abc") == "<pre>abc"
    assert prepare("<pre" * 10_000) == "<pre" * 10_000


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<head><title>My &amp;\n  page</title>", "My & page"),
        ('<TITLE lang="en">Up</TITLE>', "Up"),
        ("<title></title>", None),
        ("<title>", None),
        ("<title", None),
        ("<p>none</p>", None),
        ("<title>" + "x" * 3000 + "</title>", "x" * 500),
    ],
)
def test_title(html: str, title: str | None) -> None:
    assert find_title(html) == title


def test_textual_lists_move_deeper() -> None:
    text = "<ul><li>one <a href=x>y</a><ul><li>two</ul></li></ul>"
    assert keep_lists(f"<p>a</p>{text}<p>b</p>") == f"<p>a</p><div><div><div>{text}</div></div></div><p>b</p>"
    assert keep_lists("<UL><LI>x</UL>") == "<div><div><div><ul><LI>x</ul></div></div></div>"


@pytest.mark.parametrize(
    "html",
    [
        "<ul><li><a href=x>Home</a></li><li><a href=y>About us</a> |</li></ul>",
        "<ul><li><img src=x> A teaser with text</li></ul>",
        "<ul><li>unclosed",
        "<ul></ul>",
        "</ul>text",
    ],
)
def test_navigation_and_teasers_do_not(html: str) -> None:
    assert keep_lists(html) == html


@given(
    st.lists(
        st.sampled_from(
            [
                "<ul>",
                "</ul>",
                "<li>x",
                "<a href=y>",
                "</a>",
                "<pre>",
                "</pre>",
                "<math>",
                "</math>",
                "<",
                ">",
                "text",
                "<ul",
                "</ul",
            ]
        )
    )
)
def test_any_order_of_tags_is_survived(pieces: list[str]) -> None:
    html = "".join(pieces)
    once = keep_lists(prepare(html))
    assert once.count("text") <= html.count("text")
    find_title(html)
