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
MOST_HOSTS = 100
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

    Pages are drawn by the hash of their ids, one of each address: the same ones for any order of files.
    """
    counts: dict[str, Counter[int]] = {}
    held: dict[str, dict[int, str]] = {}
    drawn = _drawn(crawl, without)
    pages = {host: len(keys) for host, keys in drawn.items()}
    for key, host, _, html in _pages(crawl):
        if key not in drawn.get(host, ()):
            continue
        drawn[host].remove(key)  # a record may lie in two files
        hashes = analyse(html).known.whole.tolist()
        counts.setdefault(host, Counter()).update(set(hashes))
        if _LEAST_BLOCKS <= len(hashes) <= _MOST_BLOCKS:
            rows = held.setdefault(host, {})
            rows[key] = html
            if len(rows) > _CANDIDATES:
                del rows[max(rows)]
    for host in sorted(held):
        # The pages are kept as they came, and cut into blocks again: the blocks take far more memory.
        labelled = (_label(analyse(held[host][key]), host, counts[host], pages[host]) for key in sorted(held[host]))
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
    captures: dict[str, dict[str, int]] = {}
    for key, host, url, _ in _pages(crawl):
        if host not in without:
            known = captures.setdefault(host, {})
            known[url] = min(key, known.get(url, key))  # a later capture says nothing of what recurs on other pages
    enough = sorted((_hash(host), host) for host in captures if len(captures[host]) >= LEAST_PAGES)
    return {host: set(sorted(captures[host].values())[:MOST_PAGES]) for _, host in enough[:MOST_HOSTS]}


def _hash(name: str) -> int:
    return xxhash.xxh3_64_intdigest(name.encode())


def _pages(crawl: Path) -> Iterator[tuple[int, str, str, str]]:
    for unit in plan_units([str(path) for path in sorted(crawl.glob("*.warc.gz"))]):
        for record in read_unit(unit):
            if record.kind == "html" and record.body and record.host:
                yield _hash(record.id), record.host, record.url or "", record.body
