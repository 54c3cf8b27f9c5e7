"""The kernels of repeated lines: ids of lines in their normal form, the distinct lines of a page, pages of a line."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.hashing import GOLDEN, span_id
from curate.segment.tables import ALNUM, SPACE

LONGEST = 5
_BLANK = np.uint32(32)
_SEMICOLON, _DOLLAR, _OPEN, _CLOSE, _EQUAL, _BACKSLASH = (np.uint32(ord(sign)) for sign in ";${}=\\")
_ROUND, _GREATER, _MINUS, _COLON = (np.uint32(ord(sign)) for sign in "(>-:")


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
def in_code(codes, line_begin, begin, end, first, flags):  # type: ignore[no-untyped-def]
    """Whether each line belongs to a block (of lines without a blank one) that reads like source code: a line of it is
    indented and no list item, or at least half of them have signs of code. Extracted text has no fences around code.
    """
    out = np.zeros(len(begin), dtype=np.bool_)
    for d in range(len(first) - 1):
        at = first[d]
        while at < first[d + 1]:
            start = at
            signs = 0
            indented = False
            while at < first[d + 1] and begin[at] < end[at]:
                indented |= begin[at] - line_begin[at] >= 2 and (flags[codes[begin[at]]] & ALNUM) != 0
                signs += _has_sign(codes, begin[at], end[at], flags)
                at += 1
            if at > start and (indented or 2 * signs >= at - start):
                out[start:at] = True
            at += at == start
    return out


@njit(cache=True)
def _has_sign(codes, begin, end, flags):  # type: ignore[no-untyped-def]
    """{ } = \\ anywhere, ; at the end, a bracket right behind a word, -> or ::, a prompt."""
    last = codes[end - 1]
    if last == _SEMICOLON or (codes[begin] == _DOLLAR and end - begin > 2 and codes[begin + 1] == _BLANK):
        return True
    for at in range(begin, end):
        code = codes[at]
        if code > 127 or 96 < code < 123:
            continue
        if code == _OPEN or code == _CLOSE or code == _EQUAL or code == _BACKSLASH:  # noqa: SIM109
            return True
        if at > begin:
            before = codes[at - 1]
            if code == _ROUND and before < 128 and flags[before] & ALNUM:
                return True
            if (code == _GREATER and before == _MINUS) or (code == _COLON and before == _COLON):
                return True
    return False


@njit(cache=True)
def distinct(ids, lengths, counted, first):  # type: ignore[no-untyped-def]
    """The distinct counted lines of each document as (document, line id), and a hash of its LONGEST longest lines."""
    doc = np.empty(np.sum(counted), dtype=np.int64)
    line = np.empty(len(doc), dtype=np.uint64)
    texts = np.empty(len(first) - 1, dtype=np.uint64)
    n = 0
    for d in range(len(first) - 1):
        begin = first[d]
        end = first[d + 1]
        texts[d] = _longest(ids[begin:end], lengths[begin:end])
        own = np.sort(ids[begin:end][counted[begin:end]])
        for i in range(len(own)):
            if i == 0 or own[i] != own[i - 1]:
                doc[n] = d
                line[n] = own[i]
                n += 1
    return doc[:n].copy(), line[:n].copy(), texts


@njit(cache=True)
def _longest(ids, lengths):  # type: ignore[no-untyped-def]
    """Hash of the longest distinct lines (of those of one length, the ones of the greatest ids)."""
    best = np.zeros(LONGEST, dtype=np.uint64)
    size = np.zeros(LONGEST, dtype=np.int64)
    for i in range(len(ids)):
        at = LONGEST
        while at > 0 and (lengths[i] > size[at - 1] or (lengths[i] == size[at - 1] and ids[i] > best[at - 1])):
            at -= 1
        if at == LONGEST or (at > 0 and best[at - 1] == ids[i]):
            continue
        for k in range(LONGEST - 1, at, -1):
            best[k] = best[k - 1]
            size[k] = size[k - 1]
        best[at] = ids[i]
        size[at] = lengths[i]
    text = np.uint64(GOLDEN)
    for each in best:
        text = (text ^ each) * np.uint64(GOLDEN)
        text ^= text >> np.uint64(32)
    return text


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
