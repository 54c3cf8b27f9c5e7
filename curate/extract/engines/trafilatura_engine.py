"""trafilatura: main text by rules, readability and justext in turn; what most published pipelines extract with."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

from curate.extract.engines.settings import EngineSettings
from curate.extract.markup import prepare

# Memory of a page full of tags, measured. A page that needs more than there is is refused at once: the library catches
# some MemoryErrors itself and would go on with less of the page.
BYTES_PER_TAG = 1300
_DEEPEST = 10_000
# Options by measurement on the gold pages: benchmarks/extraction.py writes the table of what was tried. Its
# `deduplicate` stays off because it keeps state across pages; metadata because finding dates costs more than the text.
OPTIONS: dict[str, Any] = {
    "comments": False,
    "tables": True,
    "links": False,
    "images": False,
    "formatting": False,
    "dedup": False,
}


class NotParsed(Exception):
    """The parser gave up before the end of the page."""


def load(_: EngineSettings) -> Callable[[bytes], str]:
    """The extraction function, its library imported; changes the library's parser for the whole process."""
    from lxml.etree import ParserError
    from lxml.html import HTMLParser, fromstring
    from trafilatura import utils
    from trafilatura.core import bare_extraction
    from trafilatura.settings import Extractor

    from curate.extract.engines.tree_text import tree_text

    # The library's own parser but for `huge_tree`: without that libxml2 drops, in silence, what is nested deeper than
    # 256 levels and everything after 10 MB of text.
    parser = HTMLParser(
        collect_ids=False,
        default_doctype=False,
        encoding="utf-8",
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,
    )
    utils.HTML_PARSER = parser
    logging.disable(logging.CRITICAL)  # it logs every page it gives up
    sys.setrecursionlimit(_DEEPEST)  # libxml2 lets a tree be 2048 levels deep
    options = Extractor(output_format="txt", **OPTIONS)

    def extract(page: bytes) -> str:
        html = prepare(page.decode())
        tree = utils.load_html(html)
        if tree is None:  # a bare fragment, which it takes for no HTML at all; or an error, which it hides
            try:
                tree = fromstring(f"<html><body><div>{html}</div><p></p></body></html>", parser=parser)
            except ParserError:  # "Document is empty"
                return ""
        fatal = parser.error_log.filter_from_fatals()
        if len(fatal):
            raise NotParsed(fatal[0].message)
        document: Any = bare_extraction(tree, options=options)
        return "" if document is None else tree_text(document.body)

    return extract
