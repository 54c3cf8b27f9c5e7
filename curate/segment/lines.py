r"""Lines and paragraphs, under each of the definitions that the published rules use.

| view | what it is in Python |
|---|---|
| `lines` | `text.split("\n")` |
| `lines_nonempty_runs` | `re.split("\n+", text)`: the first and the last may be empty |
| `splitlines` | `text.splitlines()` |
| `paragraphs` | `re.split("\n{2,}", text.strip())` |

`stripped` and `nonempty` derive the other variants (lines without surrounding white space, without the blank ones).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.kernels import helper, longer
from curate.segment.tables import SPACE, classes
from curate.segment.types import Codes, Offsets, Spans, Text

NEWLINE = np.uint32(10)
BLOCK = 64
_Arrays = tuple[Offsets, Offsets, Offsets]


def lines(text: Text) -> Spans:
    r"""`text.split("\n")` of every document."""
    return Spans(*_newline_runs(text.codes, text.first, text.first[:-1], text.first[1:], 1, 1))


def lines_nonempty_runs(text: Text) -> Spans:
    r"""`re.split("\n+", text)` of every document."""
    return Spans(*_newline_runs(text.codes, text.first, text.first[:-1], text.first[1:], 1, -1))


def paragraphs(text: Text) -> Spans:
    r"""`re.split("\n{2,}", text.strip())` of every document; a blank document is one empty paragraph."""
    begin, end = _strip(text.codes, text.first[:-1], text.first[1:], classes().flags)
    return Spans(*_newline_runs(text.codes, text.first, begin, end, 2, -1))


def splitlines(text: Text) -> Spans:
    """`str.splitlines()` of every document."""
    return Spans(*_splitlines(text.codes, text.first))


def stripped(text: Text, spans: Spans) -> Spans:
    """The same spans without surrounding white space, as `str.strip()` of each."""
    begin, end = _strip(text.codes, spans.begin, spans.end, classes().flags)
    return Spans(begin, end, spans.first)


def nonempty(spans: Spans) -> Spans:
    """The spans that hold at least one code point."""
    keep = spans.end > spans.begin
    before = np.concatenate([[0], np.cumsum(keep)])
    return Spans(spans.begin[keep], spans.end[keep], before[spans.first].astype(np.int64))


@njit(cache=True)
def _newline_runs(codes: Codes, first: Offsets, begins: Offsets, ends: Offsets, shortest: int, longest: int) -> _Arrays:
    """Split each document's window at runs of at least `shortest` newlines, taking at most `longest` (-1: all)."""
    newlines = _places(codes)
    docs = len(first) - 1
    begin = np.empty(docs + len(newlines), dtype=np.int64)
    end = np.empty(docs + len(newlines), dtype=np.int64)
    of = np.zeros(docs + 1, dtype=np.int64)
    n = 0
    i = 0
    for d in range(docs):
        while i < len(newlines) and newlines[i] < begins[d]:
            i += 1
        begin[n] = begins[d]
        while i < len(newlines) and newlines[i] < ends[d]:
            start = newlines[i]
            stop = start + 1
            i += 1
            while i < len(newlines) and newlines[i] == stop and stop < ends[d] and stop - start != longest:
                stop += 1
                i += 1
            if stop - start >= shortest:
                end[n] = start
                n += 1
                begin[n] = stop
        end[n] = ends[d]
        n += 1
        of[d + 1] = n
    return begin[:n], end[:n], of


@njit(cache=True)
def _places(codes: Codes) -> Offsets:
    """Where the newlines are. Blocks of fixed length, most of which hold none, are read by vector instructions."""
    out = np.empty(len(codes) // 32 + 2 * BLOCK, dtype=np.int64)
    n = 0
    whole = len(codes) - len(codes) % BLOCK
    for block in range(0, whole, BLOCK):
        found = np.uint32(0)
        for at in range(BLOCK):
            found |= np.uint32(codes[block + at] == NEWLINE)
        if found:
            if n + 2 * BLOCK > len(out):
                out = longer(out)
            n = _places_within(codes, block, block + BLOCK, out, n)
    n = _places_within(codes, whole, len(codes), out, n)
    return out[:n]


@helper
def _places_within(codes, at, stop, out, n):  # type: ignore[no-untyped-def]
    while at < stop:
        if codes[at] == NEWLINE:
            out[n] = at
            n += 1
        at += 1
    return n


@njit(cache=True)
def _strip(codes: Codes, begin: Offsets, end: Offsets, flags: NDArray[np.uint16]) -> tuple[Offsets, Offsets]:
    """Windows narrowed to leave out surrounding white space; a blank window becomes empty at its end."""
    left = np.empty(len(begin), dtype=np.int64)
    right = np.empty(len(begin), dtype=np.int64)
    for i in range(len(begin)):
        a = begin[i]
        b = end[i]
        while a < b and flags[codes[a]] & SPACE:
            a += 1
        while a < b and flags[codes[b - 1]] & SPACE:
            b -= 1
        left[i] = a
        right[i] = b
    return left, right


@helper
def _ends_line(code):  # type: ignore[no-untyped-def]
    """Whether `str.splitlines` breaks after this code point; the first test settles nearly all of them."""
    if 0x1E < code < 0x85:
        return False
    return 10 <= code <= 13 or 0x1C <= code <= 0x1E or code == 0x85 or code == 0x2028 or code == 0x2029


@njit(cache=True)
def _splitlines(codes: Codes, first: Offsets) -> _Arrays:
    docs = len(first) - 1
    room = docs
    for at in range(len(codes)):
        room += _ends_line(codes[at])
    begin = np.empty(room, dtype=np.int64)
    end = np.empty(room, dtype=np.int64)
    of = np.zeros(docs + 1, dtype=np.int64)
    n = 0
    for d in range(docs):
        start = first[d]
        at = start
        while at < first[d + 1]:
            if not _ends_line(codes[at]):
                at += 1
                continue
            begin[n] = start
            end[n] = at
            n += 1
            if codes[at] == 13 and at + 1 < first[d + 1] and codes[at + 1] == NEWLINE:
                at += 1
            at += 1
            start = at
        if start < first[d + 1]:
            begin[n] = start
            end[n] = first[d + 1]
            n += 1
        of[d + 1] = n
    return begin[:n].copy(), end[:n].copy(), of
