"""What runs inside the extraction child: a page's bytes in, text and title out."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from curate.extract.engines import load
from curate.extract.engines.settings import EngineSettings
from curate.extract.markup import find_title
from curate.extract.metadata import find_metadata
from curate.extract.text import normalise

# A page says what it is called, and who wrote it when, near its start.
_HEAD_BYTES = 1 << 16
_EMPTY = re.compile(rb"(?:\xef\xbb\xbf)?[\0 \t\r\n\f]*")


class TooMuch(Exception):
    """The page or its text is larger than it may be."""


def make(setup: dict[str, Any]) -> Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]:
    """The handler for the sandbox; `setup` holds the engine and its settings, and the limits of a page."""
    with _without_scipy():
        engine = load(setup["engine"], EngineSettings(setup["favor"], setup["model"]))
    most_chars: int = setup["output_chars"]
    most_tags = (setup["memory_mb"] << 20) // engine.bytes_per_tag

    def handle(_: dict[str, Any], page: bytes) -> tuple[dict[str, Any], bytes]:
        head = page[:_HEAD_BYTES].decode("utf-8", "ignore")
        title = find_title(head)
        if title is None and len(page) > _HEAD_BYTES:
            title = find_title(page[: 4 * _HEAD_BYTES].decode("utf-8", "ignore"))
        header = {"title": title}
        if engine.finds_metadata:
            header |= find_metadata(head)._asdict()
        if _EMPTY.fullmatch(page):
            return header, b""
        if len(page) > most_tags and (tags := page.count(b"<")) > most_tags:
            raise TooMuch(f"{tags} tags, {most_tags} fit into {setup['memory_mb']} MB")
        text = normalise(engine.extract(page))
        if len(text) > most_chars:
            raise TooMuch(f"{len(text)} characters of text, {most_chars} are allowed")
        return header, text.encode()

    return handle


@contextmanager
def _without_scipy() -> Iterator[None]:
    """Imports inside find no scipy: numba looks for it, for algebra that no engine uses, and takes 0.2 s more then."""
    known = sys.modules.get("scipy")
    if known is None:
        sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if known is None:
            del sys.modules["scipy"]
