"""What runs inside the extraction child: a page's bytes in, text and title out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from curate.extract.engines import load
from curate.extract.markup import find_title, prepare
from curate.extract.text import normalise


class TooMuch(Exception):
    """The page or its text is larger than it may be."""


def make(setup: dict[str, Any]) -> Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]:
    """The handler for the sandbox; `setup` holds the engine, the most characters of a text, and the memory there is."""
    engine = load(setup["engine"])
    most_chars: int = setup["output_chars"]
    most_tags = (setup["memory_mb"] << 20) // engine.bytes_per_tag

    def handle(_: dict[str, Any], page: bytes) -> tuple[dict[str, Any], bytes]:
        html = page.decode()
        title = find_title(html)
        if not html.strip("\0 \t\r\n\f\ufeff"):
            return {"title": title}, b""
        if len(html) > most_tags and (tags := html.count("<")) > most_tags:
            raise TooMuch(f"{tags} tags, {most_tags} fit into {setup['memory_mb']} MB")
        text = normalise(engine.extract(prepare(html)))
        if len(text) > most_chars:
            raise TooMuch(f"{len(text)} characters of text, {most_chars} are allowed")
        return {"title": title}, text.encode()

    return handle
