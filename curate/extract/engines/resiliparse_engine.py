"""resiliparse: rules over the DOM in native code, about a tenth of trafilatura's time; more recall, less precision."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from curate.extract.engines.settings import EngineSettings
from curate.extract.markup import prepare

# Memory of a page full of tags, measured; a page that needs more than there is is refused at once.
BYTES_PER_TAG = 400
# Options by measurement on the gold pages: benchmarks/extraction.py writes the table of what was tried.
OPTIONS: dict[str, Any] = {
    "main_content": True,
    "list_bullets": True,
    "alt_texts": False,
    "links": False,
    "form_fields": False,
    "noscript": False,
    "comments": False,
    "post_meta": False,
    "skip_elements": ("footer", "[class*=footer]"),
}
# A page that yields less than this is taken whole if that yields several times more: its layout defeats the rules.
SHORT_CHARS, RESCUE_RATIO = 100, 3
_TAG = re.compile(r"<[^<>]*>")
_TEASER = ("<img", "<h2", "<h3", "<h4", "<button", "<input", "<form")
# resiliparse takes any <ul> less than three elements below <body> for the site's navigation.
_DEEPER, _BACK = "<div><div><div>", "</div></div></div>"


def load(_: EngineSettings) -> Callable[[bytes], str]:
    """The extraction function, its library imported."""
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLParserException

    def extract(page: bytes) -> str:
        html = prepare(page.decode())
        html = keep_lists(html)
        try:
            text: str = extract_plain_text(html, **OPTIONS)
        except HTMLParserException as error:
            if "(Error 2)" in str(error):  # LXB_STATUS_ERROR_MEMORY_ALLOCATION of the parser below it
                raise MemoryError from error
            raise
        if len(text) < SHORT_CHARS:
            whole: str = extract_plain_text(html, **{**OPTIONS, "main_content": False})
            if len(whole) > RESCUE_RATIO * len(text):
                return whole
        return text

    return extract


def keep_lists(html: str) -> str:
    """The page with its textual lists moved deeper, out of reach of the rule for navigation.

    Textual: most of the text stands outside of links, and the list holds no headings, pictures or fields as teasers do.
    """
    if "<UL" in html:
        html = html.replace("<UL", "<ul").replace("</UL", "</ul")
    parts: list[str] = []
    position = 0
    for start, end in _outer_lists(html):
        if _is_textual(html[start:end]):
            parts += [html[position:start], _DEEPER, html[start:end], _BACK]
            position = end
    parts.append(html[position:])
    return "".join(parts)


def _outer_lists(html: str) -> Iterator[tuple[int, int]]:
    """Begin and end of every <ul> that is in no other one; an unclosed one ends the search."""
    start = html.find("<ul")
    while start >= 0:
        depth, end = 1, start + 1
        while depth:
            close = html.find("</ul", end)
            if close < 0:
                return
            depth += html.count("<ul", end, close) - 1
            end = close + 1
        end = html.find(">", end) + 1 or len(html)
        yield start, end
        start = html.find("<ul", end)


def _is_textual(markup: str) -> bool:
    if any(tag in markup for tag in _TEASER):
        return False
    first, *rest = markup.split("<a ")
    links = [part.partition("</a") for part in rest]
    linked = _letters("".join(link[0].partition(">")[2] for link in links))
    plain = _letters(first + "".join(link[2].partition(">")[2] for link in links))
    return plain > linked


def _letters(markup: str) -> int:
    return len("".join(_TAG.sub("", markup).split()))
