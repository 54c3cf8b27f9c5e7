"""The text of kept blocks: lists, tables, code and paragraphs in the form of the other engines."""

import numpy as np
import pytest

from curate.extract.winnow.analyse import analyse
from curate.extract.winnow.facts import CHARS
from curate.extract.winnow.write import chosen, layout, write


def text_of(html: str) -> str:
    """The text of a page of which everything is kept."""
    analysed = analyse(html)
    page = analysed.page
    places = layout(page.tag, page.parent, page.block_node, analysed.known.facts)
    return write(analysed, np.ones(len(page.block_node), np.bool_), places)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>Head</h1><p>one\n two</p><p>three", "Head\n\none two\n\nthree"),
        ("<ol><li>a<li>b<ul><li>c<p>d</ul><li>e</ol>", "1. a\n2. b\n  - c\nd\n3. e"),
        ("<dl><dt>t<dd>text<dt>u<dd>more</dl>", "t\n  text\nu\n  more"),
        ("<table><tr><th>a<th>b<tr><td><td>d</table>", "a | b\n| d"),
        ("<table><tr><td><p>layout<td><p>of a page</table>", "layout\n\nof a page"),
        ("<pre>\n  if x:\n\n      y\n</pre>", "  if x:\n\n      y"),
        ("<pre><div>one</div><div>two</div></pre>", "one\ntwo"),
        ("<table><tr><td><pre>1\n2\n</pre><td><pre>a\nb</pre></table>", "a\nb"),
        ("<p>x<br>y<br><br>z", "x\ny\n\nz"),
        ("<p>a&nbsp;&lt;b&gt; &amp;amp;", "a <b> &amp;"),
        ("<p>E is <math alttext='E = mc^2'><mi>E</mi></math>.", "E is \\(E = mc^2\\)."),
        ("<blockquote><p>said</blockquote><p>he", "said\n\nhe"),
        ("<p> </p><div><span> </span></div>", ""),
    ],
)
def test_text(html: str, expected: str) -> None:
    assert text_of(html) == expected


def test_a_list_of_great_depth_is_not_indented_without_end() -> None:
    lines = text_of("<ul><li>a" * 300).split("\n")
    assert len(lines) == 300 and max(map(len, lines)) < 40


def test_a_table_of_data_is_kept_as_a_whole() -> None:
    analysed = analyse("<p>x</p><table><tr><td>long text here<td>b<tr><td>c<td>d</table>")
    page, facts = analysed.page, analysed.known.facts
    places = layout(page.tag, page.parent, page.block_node, facts)
    scores = np.array([-1, 2, -1, -1, -1], np.float32)
    assert facts[1, CHARS] == 14
    assert chosen(scores, 0.0, page.block_node, facts, places).tolist() == [False, True, True, True, True]
    assert not chosen(scores, 1.9, page.block_node, facts, places).any()
