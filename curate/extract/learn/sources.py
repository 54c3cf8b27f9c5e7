"""Labelled pages from folders: articles with their text, pages with segments, pages of a crawl by rules or gold set.

articles   <folder>/ground-truth.json: {id: {"articleBody": text, "url": url}}, <folder>/html/<id>.html.gz
segments   <folder>/gold.json: {url: {"html": path, "with": [...], "without": [...]}}, the pages below <folder>
crawl      WARC files and rules by site (`sites.py`), or a gold set of hashes (`pages.py`)
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from curate.sources.charset import decode
from workbench.errors import Exit, UserError


class Labelled(NamedTuple):
    """A page and what is known of its main text: the whole of it (`truth`), or segments of it and of the rest."""

    source: str  # "articles", "segments" or "pages"
    html: str
    host: str
    kind: str
    lang: str | None
    truth: str | None
    with_: Sequence[str] = ()
    without: Sequence[str] = ()


def read_articles(folder: Path) -> list[Labelled]:
    """Pages whose whole text is known. Raises UserError (exit 4) for a folder of another form."""
    found = _json(folder / "ground-truth.json")
    return [
        Labelled(
            "articles", _page(folder / "html" / f"{key}.html.gz"), site_of(item.get("url", key)), "article", None,
            item["articleBody"],
        )
        for key, item in found.items()
    ]  # fmt: skip


def read_segments(folder: Path) -> list[Labelled]:
    """Pages with segments to find and to leave out. Raises UserError (exit 4) for a folder of another form."""
    return [
        Labelled(
            "segments", _page(folder / item["html"]), site_of(url), "news and blogs", None, None, item["with"],
            item["without"],
        )
        for url, item in _json(folder / "gold.json").items()
    ]  # fmt: skip


def site_of(url: str) -> str:
    """The registered part of an address's host, nearly: pages of one site must not be on both sides of a split."""
    host = (urlsplit(url if "//" in url else f"//{url}").hostname or "").removeprefix("www.")
    parts = host.split(".")
    several = len(parts) > 2 and len(parts[-1]) == 2 and len(parts[-2]) <= 3
    return ".".join(parts[-3:] if several else parts[-2:])


def _json(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}", code=Exit.INPUT) from error
    if not isinstance(found, dict):
        raise UserError(f"{path} is not a table of pages", code=Exit.INPUT)
    return found


def _page(path: Path) -> str:
    try:
        content = path.read_bytes()
        return decode(gzip.decompress(content) if path.suffix == ".gz" else content, None)[0]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}", code=Exit.INPUT) from error
