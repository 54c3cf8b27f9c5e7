"""Items that the package makes itself: a function of a seed, so that nothing has to be shipped or fetched.

A set of items is named by a URL: `made://arithmetic?seed=0&count=500`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

from workbench.errors import UserError, did_you_mean

SCHEME = "made://"
MAKERS = ("arithmetic", "copying", "facts", "grammar", "harmless", "instructions", "invented")
_MOST = 1_000_000


def url(name: str, seed: int, count: int) -> str:
    """The URL of a set."""
    return f"{SCHEME}{name}?seed={seed}&count={count}"


def rows(place: str) -> Iterator[dict[str, Any]]:
    """The rows of the set that a URL names. Raises UserError for one that names none."""
    parts = urlsplit(place)
    if parts.netloc not in MAKERS:
        hint = did_you_mean(parts.netloc, MAKERS)
        raise UserError(f"{place}: the package makes no items called '{parts.netloc}'", hint=hint)
    given = parse_qs(parts.query)
    try:
        seed, count = int(given.get("seed", ["0"])[0]), int(given.get("count", ["500"])[0])
    except ValueError:
        raise UserError(f"{place}: seed and count are whole numbers", hint=url(parts.netloc, 0, 500)) from None
    if not 0 < count <= _MOST:
        raise UserError(f"{place}: from 1 to {_MOST:,} items", hint=url(parts.netloc, seed, 500))
    maker: Callable[[int, int], Iterator[dict[str, Any]]] = import_module(f"evalkit.tasks.made.{parts.netloc}").rows
    return maker(seed, count)
