"""Small corpora with invented keys, as signed units in any cut and order, and what a search must find in them."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from curate.duplicates.store import UnitWriter
from curate.duplicates.types import Signed, SignedUnit


class Page(NamedTuple):
    """A document: what its text and address hash to (0: none), its shingles."""

    name: str
    text: int
    url: int
    shingles: frozenset[int]


def digest(*parts: object) -> tuple[int, int]:
    """128 bits of anything."""
    data = hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()
    return int.from_bytes(data[:8], "big"), int.from_bytes(data[8:], "big")


def set_key(page: Page) -> tuple[int, int]:
    """Key of the shingle set."""
    return digest(sorted(page.shingles)) if page.shingles else (0, 0)


def set_hex(page: Page) -> str:
    """The same as the tables show it."""
    return "{:016x}{:016x}".format(*set_key(page))


def band(page: Page, number: int, lowest: int) -> int:
    """Key of a band: the lowest hashes of its shingles, so that similar sets meet often."""
    return digest(sorted(digest(number, one) for one in page.shingles)[:lowest])[0]


def sign(pages: Sequence[Page], bands: int, lowest: int) -> Signed:
    """One batch."""

    def keys(values: list[tuple[int, int]]) -> np.ndarray:
        return np.array(values, np.uint64).reshape(len(pages), 2)

    return Signed(
        keys([digest("text", page.text) if page.text else (0, 0) for page in pages]),
        keys([digest("url", page.url) if page.url else (0, 0) for page in pages]),
        keys([set_key(page) for page in pages]),
        np.array([[band(page, b, lowest) for b in range(bands)] for page in pages], np.uint64).reshape(
            len(pages), bands
        ),
        np.array([one for page in pages for one in sorted(page.shingles)], np.uint32),
        np.cumsum([0, *(len(page.shingles) for page in pages)]),
        np.zeros(len(pages), np.bool_),
    )


def write(directory: Path, units: Sequence[Sequence[Page]], bands: int = 4, lowest: int = 2) -> list[SignedUnit]:
    """Units of the pages, nothing excluded."""
    signed = []
    for number, pages in enumerate(units):
        with UnitWriter(directory / str(number), bands) as writer:
            for begin in range(0, len(pages), 7):
                writer.write(sign(pages[begin : begin + 7], bands, lowest))
        signed.append(SignedUnit(directory / str(number), len(pages), np.empty(0, np.uint32)))
    return signed


PairRow = tuple[str, str, int, int, int, float, float]


def near_enough(left: Page, right: Page, threshold: float, contained: float | None) -> bool:
    """Whether two sets are near."""
    shared = len(left.shingles & right.shingles)
    return shared / len(left.shingles | right.shingles) >= threshold or (
        contained is not None and shared / min(len(left.shingles), len(right.shingles)) >= contained
    )


def expected_pairs(
    pages: Sequence[Page], bands: int, lowest: int, threshold: float, contained: float | None, full: int = 64
) -> list[PairRow]:
    """Every pair a search of the pages must find, by brute force."""
    nodes = {set_hex(page): page for page in pages if page.shingles}
    buckets: dict[object, set[str]] = defaultdict(set)
    addresses: dict[int, set[str]] = defaultdict(set)
    for page in pages:
        if page.shingles:
            for number in range(bands):
                buckets[number, band(page, number, lowest)].add(set_hex(page))
            if page.url:
                addresses[page.url].add(set_hex(page))

    def pairs(groups: dict[object, set[str]] | dict[int, set[str]]) -> set[tuple[str, str]]:
        return {
            pair
            for names in groups.values()
            for low in [sorted(names)[:full]]
            for pair in itertools.combinations(sorted(names), 2)
            if pair[0] in low
        }

    near = {pair for pair in pairs(buckets) if near_enough(nodes[pair[0]], nodes[pair[1]], threshold, contained)}
    near_urls = pairs(addresses)
    near |= {pair for pair in near_urls if near_enough(nodes[pair[0]], nodes[pair[1]], threshold, contained)}
    roots = {name: name for name in nodes}

    def root(name: str) -> str:
        while roots[name] != name:
            name = roots[name]
        return name

    for left, right in near:
        roots[max(root(left), root(right))] = min(root(left), root(right))
    clusters: dict[str, list[str]] = defaultdict(list)
    for name in sorted(nodes):
        clusters[root(name)].append(name)
    for names in clusters.values():
        if len(names) <= 64:
            near |= {
                pair
                for pair in itertools.combinations(names, 2)
                if near_enough(nodes[pair[0]], nodes[pair[1]], threshold, contained)
            }
    rows = []
    for left, right in sorted(near | near_urls):
        one, two = nodes[left].shingles, nodes[right].shingles
        shared = len(one & two)
        rows.append(
            (left, right, len(one), len(two), shared, shared / len(one | two), shared / min(len(one), len(two)))
        )
    return rows


def expected_members(
    pages: Sequence[Page], pairs: Sequence[PairRow]
) -> list[tuple[str, str | None, str | None, str | None]]:
    """Name, text, url, set of every page that shares a key or whose set stands in a pair."""
    paired = {name for row in pairs for name in row[:2]}
    texts, urls = Counter(page.text for page in pages), Counter(page.url for page in pages)
    sets = Counter(set_hex(page) for page in pages)
    rows = []
    for page in pages:
        text = "{:016x}{:016x}".format(*digest("text", page.text)) if page.text and texts[page.text] > 1 else None
        url = "{:016x}{:016x}".format(*digest("url", page.url)) if page.url and urls[page.url] > 1 else None
        name = set_hex(page)
        shown = name if page.shingles and (sets[name] > 1 or name in paired) else None
        if text or url or shown:
            rows.append((page.name, text, url, shown))
    return sorted(rows, key=str)
