"""Which field of a JSON object or a table holds the page, its URL, its date and its id."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from curate.sources.charset import clean, decode
from curate.sources.options import ReadOptions
from curate.sources.page import Origin, payload_page, text_page
from curate.sources.record import Record
from curate.sources.urls import clean_url

# In this order; raw_content is RedPajama's name for text.
BODY_FIELDS = (("text", "text"), ("content", "text"), ("html", "html"), ("raw_content", "text"))
_URL_FIELDS = ("url", "source_url", "URL")
_DATE_FIELDS = ("date", "timestamp", "crawl_date")
_WARC_ID = re.compile(r"<?urn:uuid:[0-9a-fA-F-]{36}>?")


class Fields(NamedTuple):
    """The names in use; `kind` is the kind of the body field."""

    body: str
    kind: str
    url: str | None
    date: str | None
    id: str | None

    def names(self) -> list[str]:
        """All of them, for reading no other columns."""
        return list(dict.fromkeys(name for name in (self.body, self.url, self.date, self.id) if name))


def choose_fields(present: Collection[str], options: ReadOptions) -> Fields | None:
    """The fields to read among those `present`; None when there is no body field."""
    if options.text_field or options.html_field:
        name, kind = (options.text_field, "text") if options.text_field else (options.html_field, "html")
        if name not in present:
            return None
    else:
        name, kind = next(((name, kind) for name, kind in BODY_FIELDS if name in present), (None, ""))
    if name is None:
        return None
    return Fields(
        name,
        kind or "text",
        options.url_field or _first(_URL_FIELDS, present),
        options.date_field or _first(_DATE_FIELDS, present),
        options.id_field or _first(("id",), present),
    )


def row_page(row: Mapping[str, Any], fields: Fields, file: str, number: int, options: ReadOptions) -> Record:
    """One JSON object or table row as a page."""
    url, date, key = (_text(row.get(name)) if name else None for name in (fields.url, fields.date, fields.id))
    # Rows are often numbered anew in every file: only an archive's record id, or a field the user names, is an id.
    if key is not None and not (options.id_field or _WARC_ID.fullmatch(key)):
        key = None
    origin = Origin(file, number, clean_url(url), date, key.strip("<> ") if key else None)
    body = row.get(fields.body)
    if body is None:
        return origin.dropped("read.empty_body", "0")
    mime = "text/html" if fields.kind == "html" else "text/plain"
    if isinstance(body, bytes):
        if len(body) > options.max_text_bytes:
            return origin.failed(f"{fields.body} is over {options.max_text_bytes} bytes")
        if fields.kind == "html":
            return payload_page(origin, body, mime)
        return text_page(origin, decode(body, None)[0], fields.kind, mime)
    if not isinstance(body, str):
        return origin.failed(f"{fields.body} is no text but {type(body).__name__}")
    if len(body) > options.max_text_bytes:
        return origin.failed(f"{fields.body} is over {options.max_text_bytes} characters")
    return text_page(origin, clean(body), fields.kind, mime)


def _text(value: Any) -> str | None:
    """A URL, a date or an id as text, whatever type a writer chose for it."""
    if value is None or isinstance(value, (dict, list, bytes)):
        return None
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return clean(str(value)) or None


def _first(names: tuple[str, ...], present: Collection[str]) -> str | None:
    return next((name for name in names if name in present), None)
