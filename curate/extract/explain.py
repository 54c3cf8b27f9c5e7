"""Why a page's text is what it is: its blocks with their scores, and what the page states of itself."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from curate.extract.engines.settings import Favor
from curate.extract.markup import find_title
from curate.extract.metadata import find_metadata

SHOWN_CHARS = 70


class ScoredBlock(NamedTuple):
    """A block in the order of the page: its score, whether it is kept, element, words, and how its text begins."""

    kept: bool
    score: float
    element: str
    words: int
    text: str


class Explained(NamedTuple):
    """The blocks of a page, the score from which they are kept, and title, date and author as stated."""

    blocks: list[ScoredBlock]
    least: float
    title: str | None
    date: str | None
    author: str | None


def blocks_of(html: str, favor: Favor = "balanced", model: Path | None = None) -> Explained:
    """The blocks of a page as the engine winnow judges them. Raises UserError (exit 4) for a bad model file."""
    from curate.extract.learn.labels import texts_of
    from curate.extract.winnow.analyse import analyse, scores
    from curate.extract.winnow.facts import WORDS
    from curate.extract.winnow.model import open_model
    from curate.extract.winnow.names import TAGS
    from curate.extract.winnow.write import chosen, layout

    opened = open_model(model)
    least = opened.limits[favor]
    analysed = analyse(html)
    page, table = analysed.page, analysed.known.facts
    found = scores(analysed, opened)
    keep = chosen(found, least, page.block_node, table, layout(page.tag, page.parent, page.block_node, table))
    texts = texts_of(analysed)
    blocks = [
        ScoredBlock(
            bool(keep[block]),
            float(found[block]),
            TAGS[page.tag[page.block_node[block]]].strip("_"),
            int(table[block, WORDS]),
            texts[block][:SHOWN_CHARS],
        )
        for block in range(len(texts))
    ]
    stated = find_metadata(html)
    return Explained(blocks, least, find_title(html), stated.date, stated.author)
