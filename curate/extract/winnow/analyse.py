"""A page scanned and its blocks scored, step by step: for explanation and training. The engine has `judge.read`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.extract.winnow.features import Known, know, known_parts
from curate.extract.winnow.judge import look
from curate.extract.winnow.scan import Array, Page, scan
from curate.extract.winnow.stack import stack
from curate.extract.winnow.survey import bytes_of_page, survey
from curate.extract.winnow.trees import Model, Trees


class Analysed(NamedTuple):
    """The bytes that were scanned, the arrays of the scan, and what is known of the blocks."""

    data: Array
    page: Page
    known: Known


def analyse(html: str | bytes) -> Analysed:
    """Scans a page, given as text or as its UTF-8; formulas become TeX first."""
    source = ready(html.encode() if isinstance(html, str) else html)
    page = Page(*scan(*source))
    return Analysed(source.data, page, know(page, source.data))


class Source(NamedTuple):
    """What the scanner takes: bytes, how many of them are `<`, whether `<div/>` is an empty element."""

    data: Array
    tags: int
    xml: bool


def ready(page: bytes) -> Source:
    """A page of UTF-8 without NULs, and with formulas as TeX."""
    data, xml = bytes_of_page(page)
    tags, formulas = survey(data)
    if formulas:
        data, xml = bytes_of_page(page, formulas=True)
        tags, _ = survey(data)
    return Source(data, tags, xml)


def first_scores(analysed: Analysed, trees: Trees) -> Array:
    """Scores of the first look, float32[blocks]."""
    return _scores(analysed, np.empty((len(analysed.page.block_node), 0), np.float32), trees)


def second_scores(analysed: Analysed, first: Array, trees: Trees) -> Array:
    """Scores of the second look, which sees the first ones: above zero, a block is rather text than not."""
    return _scores(analysed, second_columns(analysed, first), trees)


def second_columns(analysed: Analysed, first: Array) -> Array:
    """The columns that the second look has besides those of the first."""
    known, page = analysed.known, analysed.page
    found: Array = stack(first, known.weight, known.path_key, page.parent, page.block_node)
    return found


def scores(analysed: Analysed, model: Model) -> Array:
    """How sure the model is of each block."""
    return second_scores(analysed, first_scores(analysed, model.first), model.second)


def _scores(analysed: Analysed, more: Array, trees: Trees) -> Array:
    known = analysed.known
    found: Array = look(known_parts(analysed.page), known.context, known.facts, more, trees)
    return found
