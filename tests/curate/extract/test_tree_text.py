"""trafilatura's tree as text: every tag it has, on a line of expectation each."""

import pytest
from lxml import etree

from curate.extract.engines.tree_text import tree_text


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<head>Title</head><p>a\n  b <hi>c</hi>d</p>", "Title\n\na b cd"),
        ("<p>a<lb/>b</p>tail<p>c</p>", "a\nb\n\ntail\n\nc"),
        ("<quote>said<p>more</p></quote><p>x</p>", "said\n\nmore\n\nx"),
        (
            '<p>x</p><list rend="ul"><item>a</item><item>b<list rend="ol"><item>in</item></list></item></list><p>y</p>',
            "x\n\n- a\n- b\n  1. in\n\ny",
        ),
        ('<p>x</p><list rend="ol"><item>a</item><item><p>b</p><p>c</p></item></list>', "x\n\n1. a\n2. b\nc"),
        ('<p>x</p><list rend="dl"><item rend="dt-1">t</item><item rend="dd-1">d</item></list>', "x\n\nt\n  d"),
        (
            "<p>x</p><table><row><cell>a</cell><cell>b<lb/>c</cell></row><row><cell>d</cell><cell/></row></table>",
            "x\n\na | b c\nd",
        ),
        (
            "<p>x</p><table><row><cell/><cell>a</cell><cell/><cell>b</cell></row><row><cell>c</cell></row></table>",
            "x\n\n| a | | b\nc",
        ),
        (
            "<table><row><cell>a<table><row><cell>b</cell><cell>c</cell></row></table></cell><cell>d</cell></row></table>",
            "a b | c | d",
        ),
        ("<p>x</p><table><row><cell>only</cell></row></table><p>y</p>", "x\n\nonly\n\ny"),
        ("<p>use <code>f(x)</code>, then</p><p>y</p>", "use f(x), then\n\ny"),
        ("<p>x</p><code>if a:\n\n    b\n</code><p>y</p>", "x\n\nif a:\n\n    b\n\ny"),
        ("<p>x</p><code>a<lb/>  b</code>", "x\n\na\n  b"),
        ("<p>x</p><graphic src='i'/><p>y<graphic src='j'/>z</p>", "x\n\nyz"),
        ("<p>line\nline</p>", "line\nline"),
        ("<p/><list><item/></list>", ""),
        ("", ""),
    ],
)
def test_tags(tree: str, text: str) -> None:
    assert tree_text(etree.fromstring(f"<body>{tree}</body>")) == text
