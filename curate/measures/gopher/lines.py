"""Lines that begin with a bullet or end in an ellipsis, as each of the published programs counts them."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch
from curate.measures.characters import BULLET, bits
from curate.segment.kernels import helper
from curate.segment.tables import SPACE

_DASH, _DOT, _ELLIPSIS, _MIDLINE_ELLIPSIS = 45, 46, 0x2026, 0x22EF
_WEB_BULLETS = (0x25CF, 0x2022, 42, 45)  # ● • * -
_ASCII_BULLETS = (42, 45, 43)  # * - +


class LineMarks(NamedTuple):
    """Counts by document, each int64[docs]."""

    lines: NDArray[np.int64]
    bullets: NDArray[np.int64]
    ellipses: NDArray[np.int64]


class RawLineMarks(NamedTuple):
    """The readings that share the lines between line feeds."""

    dclm: LineMarks
    olmo3: LineMarks
    olmo3_lines: NDArray[np.int64]  # all lines, the empty ones included: what its bullets are counted against
    own: LineMarks


def datatrove_lines(batch: Batch) -> LineMarks:
    """`splitlines()`, white space around ignored; '•' or '-' opens, '...' or '…' closes."""
    text, spans = batch.segments.text, batch.segments.splitlines
    return LineMarks(*_datatrove_lines(text.codes, spans.begin, spans.end, spans.first, bits()))


def raw_lines(batch: Batch) -> RawLineMarks:
    """Lines between line feeds, as DCLM, datamap-rs and we read them."""
    text, spans = batch.segments.text, batch.segments.lines
    out = _raw_lines(text.codes, spans.begin, spans.end, spans.first, bits())
    return RawLineMarks(LineMarks(*out[0:3]), LineMarks(*out[3:6]), out[9], LineMarks(*out[6:9]))


@helper
def _ends_in_dots(codes, begin, end):  # type: ignore[no-untyped-def]  # a kernel inlined into kernels
    return end - begin >= 3 and codes[end - 1] == _DOT and codes[end - 2] == _DOT and codes[end - 3] == _DOT


@helper
def _ends_in_spaced_dots(codes, begin, end):  # type: ignore[no-untyped-def]  # a kernel inlined into kernels
    return (
        end - begin >= 5
        and codes[end - 1] == _DOT
        and codes[end - 2] == 32
        and codes[end - 3] == _DOT
        and codes[end - 4] == 32
        and codes[end - 5] == _DOT
    )


@njit(cache=True)
def _datatrove_lines(codes, begin, end, first, table):  # type: ignore[no-untyped-def]  # a kernel
    docs = len(first) - 1
    out = np.zeros((3, docs), dtype=np.int64)
    for d in range(docs):
        out[0, d] = first[d + 1] - first[d]
        for i in range(first[d], first[d + 1]):
            a, b = begin[i], end[i]
            while a < b and table[codes[a]] & SPACE:
                a += 1
            if a == b:
                continue
            while table[codes[b - 1]] & SPACE:
                b -= 1
            out[1, d] += codes[a] == 0x2022 or codes[a] == _DASH
            out[2, d] += codes[b - 1] == _ELLIPSIS or _ends_in_dots(codes, a, b)
    return out


@njit(cache=True)
def _raw_lines(codes, begin, end, first, table):  # type: ignore[no-untyped-def]  # a kernel
    """Rows: lines, bullets, ellipses of DCLM, of datamap-rs, of ours; then all lines."""
    docs = len(first) - 1
    out = np.zeros((10, docs), dtype=np.int64)
    for d in range(docs):
        out[9, d] = first[d + 1] - first[d]
        for i in range(first[d], first[d + 1]):
            a, b = begin[i], end[i]
            if a == b:
                continue
            # datamap-rs takes the line as it stands, but its `lines()` strips a carriage return at the end.
            head = codes[a]
            out[4, d] += head in _WEB_BULLETS
            tail = b - 1 if codes[b - 1] == 13 else b
            if tail > a:
                out[3, d] += 1
                out[5, d] += (
                    codes[tail - 1] == _ELLIPSIS
                    or _ends_in_dots(codes, a, tail)
                    or _ends_in_spaced_dots(codes, a, tail)
                )
            while a < b and table[codes[a]] & SPACE:
                a += 1
            if a == b:
                continue
            while table[codes[b - 1]] & SPACE:
                b -= 1
            head = codes[a]
            ellipsis = codes[b - 1] == _ELLIPSIS or _ends_in_dots(codes, a, b) or _ends_in_spaced_dots(codes, a, b)
            out[0, d] += 1
            out[1, d] += head in _WEB_BULLETS
            out[2, d] += ellipsis
            out[6, d] += 1
            spaced = a + 1 < b and (table[codes[a + 1]] & SPACE) != 0
            out[7, d] += (table[head] & BULLET) != 0 or (spaced and (head in _ASCII_BULLETS))
            out[8, d] += ellipsis or codes[b - 1] == _MIDLINE_ELLIPSIS
    return out
