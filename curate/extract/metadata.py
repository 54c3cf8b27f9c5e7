"""The date and the author that a page states of itself, in its meta elements or in its first lines of linked data."""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

# What a page says of itself stands at its start; the rest is not searched.
_HEAD_CHARS = 60_000
_META = re.compile(r"<meta\b([^<>]{1,2000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""")
_OF_USE = ("date", "publish", "author", "creator", "byl")  # one of these is in every name that is looked for
_LINKED_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]{1,60})"')
_LINKED_AUTHOR = re.compile(r'"author"\s*:\s*\[?\s*(?:"([^"]{1,200})"|\{[^{}]{0,400}?"name"\s*:\s*"([^"]{1,200})")')
_TIME = re.compile(r"""<time\b[^<>]{0,500}?\bdatetime\s*=\s*["']?([0-9T:+Z.-]{8,40})""", re.IGNORECASE)
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})|(\d{4})/(\d{1,2})/(\d{1,2})|\b(\d{4})(\d{2})(\d{2})\b")
_DATES = (
    "article:published_time",
    "datepublished",
    "date",
    "dc.date",
    "dc.date.issued",
    "dcterms.date",
    "pubdate",
    "publishdate",
    "publish-date",
    "parsely-pub-date",
    "sailthru.date",
    "citation_publication_date",
    "og:published_time",
)
_AUTHORS = ("author", "article:author", "dc.creator", "dcterms.creator", "parsely-author", "sailthru.author", "byl")


class Metadata(NamedTuple):
    """Day of publication (YYYY-MM-DD) and author, each None where the page does not state it."""

    date: str | None
    author: str | None


def find_metadata(html: str) -> Metadata:
    """Date and author by meta elements first, linked data next, and the first <time> last."""
    head = html[:_HEAD_CHARS]
    stated: dict[str, str] = {}
    for found in _META.finditer(head):
        lowered = found[1].lower()
        if not any(word in lowered for word in _OF_USE):
            continue
        attributes = {name.lower(): value.strip("\"'") for name, value in _ATTRIBUTE.findall(found[1])}
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
        if name and attributes.get("content"):
            stated.setdefault(name.lower(), attributes["content"])
    date = next((day for name in _DATES if name in stated and (day := _day(stated[name]))), None)
    author = next((line for name in _AUTHORS if name in stated and (line := _name(stated[name]))), None)
    if date is None and (linked := _LINKED_DATE.search(head)):
        date = _day(linked[1])
    if date is None and (time := _TIME.search(head)):
        date = _day(time[1])
    if author is None and (linked := _LINKED_AUTHOR.search(head)):
        author = _name(linked[1] or linked[2])
    return Metadata(date, author)


def _day(text: str) -> str | None:
    found = _DAY.search(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups() if part)
    if not (1900 <= year <= 2100 and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    return f"{year:04}-{month:02}-{day:02}"


def _name(text: str) -> str | None:
    """A name on one line; an address of a page is none."""
    line = " ".join(unescape(text).split())
    return None if not line or len(line) > 200 or "//" in line else line
