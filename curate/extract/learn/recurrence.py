"""Labels that nobody gave: a block on many pages of a host is boilerplate, one on a single page is likely text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xxhash

from curate.extract.winnow import facts as f
from curate.extract.winnow.analyse import Analysed, analyse
from curate.extract.winnow.trees import Array
from curate.sources import plan_units, read_unit

LEAST_PAGES, MOST_PAGES = 12, 150  # of a host, to be counted
MOST_HOSTS = 200
PER_HOST = 8
_CANDIDATES = 2 * PER_HOST
_LEAST_BLOCKS, _MOST_BLOCKS = 8, 800
# A block of so large a share of a host's pages, and on three pages at least, recurs.
_OFTEN, _THRICE = 0.15, 3
# One that is on a single page is taken for text where it is long enough to be no name and holds few links.
_WORDS, _LINKS = 12, 0.3
_LEAST_OF_BOTH = 3


class Recurring(NamedTuple):
    """A page; which blocks are taken for text (1) or not (0), for which of them that is known, and their words."""

    analysed: Analysed
    host: str
    share: Array
    known: Array
    words: Array


def recurring_pages(crawl: Path, without: frozenset[str] = frozenset()) -> Iterator[Recurring]:
    """Up to PER_HOST pages of every host that has enough of them, except the hosts `without`; by host.

    Pages are drawn by the hash of their ids: the same ones for any order of files.
    """
    counts: dict[str, Counter[int]] = {}
    held: dict[str, dict[int, Analysed]] = {}
    drawn = _drawn(crawl, without)
    for key, host, html in _pages(crawl):
        if key not in drawn.get(host, ()):
            continue
        analysed = analyse(html)
        hashes = analysed.known.whole
        counts.setdefault(host, Counter()).update(set(hashes.tolist()))
        if _LEAST_BLOCKS <= len(hashes) <= _MOST_BLOCKS:
            rows = held.setdefault(host, {})
            rows[key] = analysed
            if len(rows) > _CANDIDATES:
                del rows[max(rows)]
    for host in sorted(held):
        labelled = (_label(held[host][key], host, counts[host], len(drawn[host])) for key in sorted(held[host]))
        yield from [page for page in labelled if page is not None][:PER_HOST]


def _label(analysed: Analysed, host: str, counts: Counter[int], pages: int) -> Recurring | None:
    """The page with its labels; None where it has too few of either kind."""
    table = analysed.known.facts
    count = np.array([counts[key] for key in analysed.known.whole.tolist()])
    words = table[:, f.WORDS]
    links = table[:, f.LINK_CHARS] / np.maximum(table[:, f.CHARS], 1)
    often = count >= max(_THRICE, _OFTEN * pages)
    once = (count == 1) & (words >= _WORDS) & (links < _LINKS)
    if min(often.sum(), once.sum()) < _LEAST_OF_BOTH:
        return None
    return Recurring(analysed, host, once.astype(float), (often | once).astype(float), words)


def _drawn(crawl: Path, without: frozenset[str]) -> dict[str, set[int]]:
    """The keys of the pages that are counted, by host."""
    keys: dict[str, list[int]] = {}
    for key, host, _ in _pages(crawl):
        if host not in without:
            keys.setdefault(host, []).append(key)
    enough = sorted((xxhash.xxh3_64_intdigest(host.encode()), host) for host in keys if len(keys[host]) >= LEAST_PAGES)
    return {host: set(sorted(keys[host])[:MOST_PAGES]) for _, host in enough[:MOST_HOSTS]}


def _pages(crawl: Path) -> Iterator[tuple[int, str, str]]:
    for unit in plan_units([str(path) for path in sorted(crawl.glob("*.warc.gz"))]):
        for record in read_unit(unit):
            if record.kind == "html" and record.body and record.host:
                yield xxhash.xxh3_64_intdigest(record.id.encode()), record.host, record.body
