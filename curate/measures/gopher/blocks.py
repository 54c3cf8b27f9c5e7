r"""Lines and paragraphs with their ids, and how much of them repeats, under each reading of the published rules.

| view | lines | paragraphs |
|---|---|---|
| `datatrove` | `re.split("\n+", text)` | `re.split("\n{2,}", text.strip())` |
| `raw` (datamap-rs) | between line feeds, not empty | between runs of two or more line feeds, not empty |
| `stripped` (DCLM, ours) | `raw` stripped, not empty | `raw` stripped, not empty |
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch
from curate.measures.hashtable import EMPTY, home, table_bits
from curate.measures.kernels import U
from curate.measures.line_facts import line_facts
from curate.segment import Spans, Words, nonempty, stripped
from curate.segment.hashing import span_id

_ALONE = np.uint64(1)


class Blocks(NamedTuple):
    """One reading of a batch as lines and paragraphs."""

    lines: Words
    paragraphs: Words


def datatrove(batch: Batch) -> Blocks:
    """datatrove's reading, derived from the raw one.

    An empty line stands before a line feed that opens the text and after one that closes it; the text is stripped
    before it falls into paragraphs.
    """
    text, known = batch.segments.text, batch.once(raw)
    lines = Words(*_with_empty_ends(text.codes, text.first, known.lines))
    window = stripped(text, Spans(text.first[:-1], text.first[1:], np.arange(text.docs + 1)))
    paragraphs = Words(*_clipped(text.codes, window.begin, window.end, known.paragraphs))
    return Blocks(lines, paragraphs)


def raw(batch: Batch) -> Blocks:
    """Lines and paragraphs as they stand, the empty ones left out."""
    codes = batch.segments.text.codes
    lines = nonempty(batch.segments.lines)
    paragraphs = Spans(*_paragraphs(*lines, batch.segments.text.first))
    return Blocks(Words(*lines, _ids(codes, *lines)), Words(*paragraphs, _ids(codes, *paragraphs)))


def trimmed(batch: Batch) -> Blocks:
    """`raw` without surrounding white space, and without what is then empty."""
    text = batch.segments.text
    out = []
    for view in batch.once(raw):
        spans = nonempty(stripped(text, Spans(view.begin, view.end, view.first)))
        out.append(Words(*spans, _ids_from(text.codes, spans.begin, spans.end, view)))
    return Blocks(*out)


@njit(cache=True)
def _ids(codes, begin, end, first):  # type: ignore[no-untyped-def]  # a kernel
    """Ids of spans; the span of a document that has no other is not read, since only an empty one stands beside it."""
    out = np.full(len(begin), _ALONE)
    for d in range(len(first) - 1):
        if first[d + 1] - first[d] > 1:
            for i in range(first[d], first[d + 1]):
                out[i] = span_id(codes, begin[i], end[i])
    return out


@njit(cache=True)
def _ids_from(codes, begin, end, known):  # type: ignore[no-untyped-def]  # a kernel
    """Ids of spans, taken over where the same span is known (both ascending)."""
    out = np.empty(len(begin), dtype=np.uint64)
    k = 0
    for i in range(len(begin)):
        while k < len(known.begin) and known.begin[k] < begin[i]:
            k += 1
        if k < len(known.begin) and known.begin[k] == begin[i] and known.end[k] == end[i]:
            out[i] = known.ids[k]
        else:
            out[i] = span_id(codes, begin[i], end[i])
    return out


@njit(cache=True)
def _with_empty_ends(codes, first, lines):  # type: ignore[no-untyped-def]  # a kernel
    docs = len(first) - 1
    room = len(lines.begin) + 2 * docs
    begin = np.empty(room, dtype=np.int64)
    end = np.empty(room, dtype=np.int64)
    ids = np.empty(room, dtype=np.uint64)
    of = np.zeros(docs + 1, dtype=np.int64)
    n = 0
    for d in range(docs):
        low, high = first[d], first[d + 1]
        if low == high or codes[low] == 10:
            begin[n], end[n], ids[n] = low, low, span_id(codes, low, low)
            n += 1
        for i in range(lines.first[d], lines.first[d + 1]):
            begin[n], end[n], ids[n] = lines.begin[i], lines.end[i], lines.ids[i]
            n += 1
        if high > low and codes[high - 1] == 10:
            begin[n], end[n], ids[n] = high, high, span_id(codes, high, high)
            n += 1
        of[d + 1] = n
    return begin[:n].copy(), end[:n].copy(), of, ids[:n].copy()


@njit(cache=True)
def _clipped(codes, left, right, paragraphs):  # type: ignore[no-untyped-def]  # a kernel
    """The paragraphs inside a window of each document; an empty window is one empty paragraph."""
    docs = len(left)
    room = len(paragraphs.begin) + docs
    begin = np.empty(room, dtype=np.int64)
    end = np.empty(room, dtype=np.int64)
    ids = np.empty(room, dtype=np.uint64)
    of = np.zeros(docs + 1, dtype=np.int64)
    n = 0
    for d in range(docs):
        if left[d] == right[d]:
            begin[n], end[n], ids[n] = left[d], left[d], np.uint64(0)
            n += 1
        for i in range(paragraphs.first[d], paragraphs.first[d + 1]):
            a, b = max(left[d], paragraphs.begin[i]), min(right[d], paragraphs.end[i])
            if a >= b:
                continue
            whole = a == paragraphs.begin[i] and b == paragraphs.end[i]
            begin[n], end[n] = a, b
            ids[n] = paragraphs.ids[i] if whole else span_id(codes, a, b)
            n += 1
        of[d + 1] = n
    return begin[:n].copy(), end[:n].copy(), of, ids[:n].copy()


@njit(cache=True)
def _paragraphs(begin, end, first, text_first):  # type: ignore[no-untyped-def]  # a kernel
    """Runs of lines that are not empty with one line feed between them; so is one at either end of the text."""
    docs = len(first) - 1
    starts = np.empty(len(begin) + docs, dtype=np.int64)
    stops = np.empty(len(begin) + docs, dtype=np.int64)
    of = np.zeros(len(first), dtype=np.int64)
    n = 0
    for d in range(docs):
        low, high = text_first[d], text_first[d + 1]
        if first[d] == first[d + 1] and high - low == 1:
            starts[n], stops[n] = low, high
            n += 1
        for i in range(first[d], first[d + 1]):
            if i > first[d] and begin[i] == end[i - 1] + 1:
                stops[n - 1] = end[i]
                continue
            starts[n] = low if i == first[d] and begin[i] == low + 1 else begin[i]
            stops[n] = end[i]
            n += 1
        if n > of[d] and stops[n - 1] == high - 1:
            stops[n - 1] = high
        of[d + 1] = n
    return starts[:n].copy(), stops[:n].copy(), of


class Copies(NamedTuple):
    """What repeats among the blocks of each document; every field int64[docs]."""

    excess: NDArray[np.int64]  # blocks that have occurred before
    excess_length: NDArray[np.int64]
    copies: NDArray[np.int64]  # blocks that occur more than once, the first included
    copies_length: NDArray[np.int64]
    blocks: NDArray[np.int64]
    length: NDArray[np.int64]


def copies(blocks: Words, lengths: NDArray[np.int64]) -> Copies:
    """Repeated blocks and their length, in the unit of `lengths` (int64[blocks])."""
    return Copies(*_copies(blocks.ids, lengths, blocks.first))


@njit(cache=True)
def _copies(ids, lengths, first):  # type: ignore[no-untyped-def]  # a kernel
    docs = len(first) - 1
    out = np.zeros((6, docs), dtype=np.int64)
    most = 0
    for d in range(docs):
        most = max(most, first[d + 1] - first[d])
    room = 1 << table_bits(most)
    keys = np.empty(room, dtype=np.uint64)
    slots = np.empty(room, dtype=np.int32)
    again = np.empty(most, dtype=np.bool_)
    for d in range(docs):
        bits = table_bits(first[d + 1] - first[d])
        mask = U((1 << bits) - 1)
        slots[: 1 << bits] = EMPTY
        for i in range(first[d], first[d + 1]):
            out[4, d] += 1
            out[5, d] += lengths[i]
            at = home(ids[i], bits)
            while (slots[at] != EMPTY) & (keys[at] != ids[i]):
                at = (at + U(1)) & mask
            if slots[at] == EMPTY:
                keys[at] = ids[i]
                slots[at] = i - first[d]
                again[i - first[d]] = False
                continue
            out[0, d] += 1
            out[1, d] += lengths[i]
            if not again[slots[at]]:
                again[slots[at]] = True
                out[2, d] += 1
                out[3, d] += lengths[first[d] + slots[at]]
            out[2, d] += 1
            out[3, d] += lengths[i]
    return out


def utf8_lengths(batch: Batch, spans: Spans | Words) -> NDArray[np.int64]:
    """Bytes of each span in UTF-8, int64[spans]; spans ascend and do not overlap."""
    lines, octets = batch.segments.lines, batch.once(line_facts).octets
    return _utf8_lengths(batch.segments.text.codes, spans.begin, spans.end, lines.begin, lines.end, octets)


@njit(cache=True)
def _utf8_lengths(codes, begin, end, line_begin, line_end, octets):  # type: ignore[no-untyped-def]  # a kernel
    """Only lines that hold more bytes than characters are looked into, and only where a span ends inside them."""
    out = np.empty(len(begin), dtype=np.int64)
    line = U(0)
    lines = U(len(line_begin))
    for i in range(U(len(begin))):
        a, b = begin[i], end[i]
        size = b - a
        while line < lines and line_end[line] <= a:
            line += U(1)
        k = line
        while k < lines and line_begin[k] < b:
            more = octets[k] - (line_end[k] - line_begin[k])
            if more > 0 and a <= line_begin[k] and line_end[k] <= b:
                size += more
            elif more > 0:
                for at in range(U(max(a, line_begin[k])), U(min(b, line_end[k]))):
                    code = codes[at]
                    size += np.int64(code > 0x7F) + np.int64(code > 0x7FF) + np.int64(code > 0xFFFF)
            k += U(1)
        out[i] = size
    return out
