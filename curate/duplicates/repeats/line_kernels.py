"""The kernels of repeated lines: ids of lines in their normal form, the distinct lines of a page, pages of a line."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.hashing import GOLDEN, span_id
from curate.segment.tables import ALNUM, SPACE

Ids = NDArray[np.uint64]
_BLANK = np.uint32(32)


@njit(cache=True)
def line_ids(codes, begin, end, flags, lower):  # type: ignore[no-untyped-def]
    """Of stripped lines: hash of the lower-cased line with runs of white space as one blank (0: blank line), and
    whether it holds a letter or a digit."""
    ids = np.zeros(len(begin), dtype=np.uint64)
    wordy = np.zeros(len(begin), dtype=np.bool_)
    room = np.empty(1024, dtype=np.uint32)
    for i in range(len(begin)):
        if end[i] - begin[i] > len(room):
            room = np.empty(2 * (end[i] - begin[i]), dtype=np.uint32)
        n = 0
        seen = np.uint16(0)
        for at in range(begin[i], end[i]):
            flag = flags[codes[at]]
            seen |= flag
            if flag & SPACE:
                if room[n - 1] != _BLANK:
                    room[n] = _BLANK
                    n += 1
            else:
                room[n] = lower[codes[at]]
                n += 1
        if n:
            ids[i] = max(span_id(room, 0, n), np.uint64(1))
        wordy[i] = (seen & ALNUM) != 0
    return ids, wordy


@njit(cache=True)
def distinct(ids, counted, first):  # type: ignore[no-untyped-def]
    """The distinct counted lines of each document as (document, line id), and a hash of all its lines as a set."""
    doc = np.empty(np.sum(counted), dtype=np.int64)
    line = np.empty(len(doc), dtype=np.uint64)
    texts = np.empty(len(first) - 1, dtype=np.uint64)
    n = 0
    for d in range(len(first) - 1):
        begin = first[d]
        every = np.sort(ids[begin : first[d + 1]])
        text = np.uint64(GOLDEN)
        for i in range(len(every)):
            if every[i] and (i == 0 or every[i] != every[i - 1]):
                text = (text ^ every[i]) * np.uint64(GOLDEN)
                text ^= text >> np.uint64(32)
        texts[d] = text
        own = np.sort(ids[begin : first[d + 1]][counted[begin : first[d + 1]]])
        for i in range(len(own)):
            if i == 0 or own[i] != own[i - 1]:
                doc[n] = d
                line[n] = own[i]
                n += 1
    return doc[:n].copy(), line[:n].copy(), texts


@njit(cache=True)
def repeating(host, line, url, text, pages, min_pages, min_share):  # type: ignore[no-untyped-def]
    """The lines of at least `min_pages` pages and of `min_share` of their host's, from rows sorted by (host, line).

    The rows of line 0 are the pages of the host; `pages` is their number for the first host, where the rows begin
    amid it. Returns host, line, pages of the line, pages of the host.
    """
    rows = np.empty(len(host) // max(min_pages, 1) + 1, dtype=np.int64)
    counts = np.empty(len(rows), dtype=np.uint32)
    totals = np.empty(len(rows), dtype=np.uint32)
    n = 0
    begin = 0
    for end in range(1, len(host) + 1):
        if end < len(host) and host[end] == host[begin] and line[end] == line[begin]:
            continue
        if line[begin] == 0:
            pages = _pages(url[begin:end], text[begin:end])
        elif end - begin >= min_pages:
            found = _pages(url[begin:end], text[begin:end])
            if found >= min_pages and found / pages >= min_share:
                rows[n] = begin
                counts[n] = found
                totals[n] = pages
                n += 1
        begin = end
    rows = rows[:n]
    return host[rows], line[rows], counts[:n].copy(), totals[:n].copy()


@njit(cache=True)
def _pages(url, text):  # type: ignore[no-untyped-def]
    return min(_distinct_values(url), _distinct_values(text))


@njit(cache=True)
def _distinct_values(values):  # type: ignore[no-untyped-def]
    ordered = np.sort(values)
    found = 0
    for i in range(len(ordered)):
        found += i == 0 or ordered[i] != ordered[i - 1]
    return found


def pages_of(url: NDArray[np.uint32], text: NDArray[np.uint32]) -> int:
    """How many pages these addresses and texts are: the smaller of the two numbers of distinct ones."""
    return int(_pages(url, text))
