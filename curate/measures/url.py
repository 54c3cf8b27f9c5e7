"""The family `url`: the shape of a page's address and what block lists say of it.

Lists are in the UT1 format: a domain blocks itself and all its subdomains, a URL blocks itself and everything below it.
The word lists are datatrove's idea (`URLFilter`): banned words and soft words are compared with the runs of letters and
digits of the URL, banned substrings with all its letters and digits joined. Here both sides are in lower case
(datatrove lower-cases its lists only, so that "Porn" passes its words), and a listed domain blocks every subdomain
(datatrove looks at the registered domain and the full host only). A page without a URL has 0 everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address

import numpy as np
from numpy.typing import NDArray

from curate.measures import trie
from curate.measures.batch import Batch
from curate.measures.lists import Lists, alphanumeric, bare_url
from curate.segment import decode

_PARTS = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://)?([^/?#]*)([^?#]*)(?:\?([^#]*))?")
_WORDS = re.compile(r"[a-z0-9]+")
# Second-level labels under which the registered domain has three labels (co.uk, com.au, or.jp ...).
_GENERIC = frozenset({"co", "com", "org", "net", "gov", "edu", "ac", "or", "ne", "go", "gob", "gouv", "nom", "mil"})
_COUNTS = (
    "length", "host_length", "subdomains", "path_depth", "parameters", "hyphens", "is_ip", "blocked_domain",
    "blocked_url", "banned_words", "soft_words",
)  # fmt: skip


@dataclass
class Urls:
    """The URL measures with the run's lists."""

    lists: Lists

    @cached_property
    def _subwords(self) -> trie.Trie:
        return trie.build({"": [sorted(self.lists.banned_subwords)]})

    def __call__(self, batch: Batch) -> dict[str, NDArray[np.generic]]:
        """The family `url`, without the family's name."""
        counts = np.zeros((len(_COUNTS), batch.docs), dtype=np.int64)
        digits = np.zeros(batch.docs, dtype=np.float64)
        for d, url in enumerate(batch.urls):
            if url:
                host, path, query = _parts(url)
                counts[:, d] = self._count(url, host, path, query)
                digits[d] = sum(map(str.isdecimal, host)) / len(host) if host else 0.0
        out: dict[str, NDArray[np.generic]] = dict(zip(_COUNTS, counts, strict=True))
        return out | {"digit_share": digits, "banned_subwords": self._count_subwords(batch)}

    def _count(self, url: str, host: str, path: str, query: str) -> list[int]:
        """The whole numbers of one URL, in the order of _COUNTS."""
        lists = self.lists
        labels = [label for label in host.split(".") if label]
        words = set(_WORDS.findall(url.lower())) if lists.banned_words or lists.soft_words else set()
        is_ip = _is_ip(host)
        return [
            len(url),
            len(host),
            0 if is_ip else _subdomains(labels),
            len(list(filter(None, path.split("/")))),
            len(list(filter(None, query.split("&")))),
            host.count("-"),
            is_ip,
            any(".".join(labels[k:]) in lists.domains for k in range(len(labels))) if lists.domains else 0,
            _blocked(bare_url(url), lists.urls) if lists.urls else 0,
            len(words & lists.banned_words),
            len(words & lists.soft_words),
        ]

    def _count_subwords(self, batch: Batch) -> NDArray[np.int64]:
        """Places where a banned substring stands."""
        if not self.lists.banned_subwords:
            return np.zeros(batch.docs, dtype=np.int64)
        text = decode([alphanumeric(url or "") for url in batch.urls])
        anywhere = np.zeros(batch.docs, dtype=np.bool_)
        start = np.zeros(batch.docs, dtype=np.int64)
        return trie.count(self._subwords, text, text.codes, start, anywhere, start[:0], 1)[0]


def _parts(url: str) -> tuple[str, str, str]:
    """Host in lower case without user, port and closing dot; path; query."""
    found = _PARTS.match(url)
    if not found:
        return "", "", ""
    host, path, query = found.groups("")
    host = host.rpartition("@")[2].lower()
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0].rstrip(".")
    return host, path, query


def _is_ip(host: str) -> int:
    if not host or not (host[-1].isdigit() or ":" in host):
        return 0
    try:
        ip_address(host)
    except ValueError:
        return 0
    return 1


def _subdomains(labels: list[str]) -> int:
    """Labels before the registered domain, `www` not counted."""
    registered = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _GENERIC else 2
    return sum(1 for label in labels[:-registered] if label != "www")


def _blocked(url: str, blocked: frozenset[str]) -> int:
    """Whether the URL, its part before the query, or any part before a '/' is listed."""
    if url in blocked:
        return 1
    path = url.partition("?")[0].rstrip("/")
    while path:
        if path in blocked:
            return 1
        path = path.rpartition("/")[0]
    return 0
