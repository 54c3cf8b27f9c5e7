"""What several readings of the rules ask of a line between line feeds, counted in one pass."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch
from curate.measures.characters import bits
from curate.measures.kernels import U
from curate.segment.kernels import helper
from curate.segment.tables import ALNUM, DIGIT, UPPER


class LineFacts(NamedTuple):
    """Counts by line of `Segments.lines`, each int32[lines]; and where the runs of letters and digits begin."""

    upper: NDArray[np.int32]
    digits: NDArray[np.int32]  # str.isdigit
    octets: NDArray[np.int32]  # bytes in UTF-8
    tokens: NDArray[np.int32]  # fastText tokens that begin with a letter or a digit
    runs: NDArray[np.int32]  # runs of letters and digits
    words: NDArray[np.int32]  # split() words
    starts: NDArray[np.int64]  # [runs of the batch]


def line_facts(batch: Batch) -> LineFacts:
    """The facts of every line of the batch."""
    lines, words = batch.segments.lines, batch.segments.words_space
    facts, starts = _line_facts(batch.segments.text.codes, lines.begin, lines.end, words.begin, bits())
    columns: list[NDArray[Any]] = [*facts, starts]
    return LineFacts(*columns)


@helper
def fasttext_space(code):  # type: ignore[no-untyped-def]  # a kernel
    """Whether fastText's reader takes this code point for white space: ' ', tab to carriage return, NUL."""
    return code <= 32 and (code == 32 or (9 <= code <= 13) or code == 0)


@njit(cache=True)
def _line_facts(codes, begin, end, word_begin, table):  # type: ignore[no-untyped-def]  # a kernel
    out = np.zeros((6, len(begin)), dtype=np.int32)
    starts = np.empty(len(codes) // 2 + 2 + len(begin), dtype=np.int64)
    n = 0
    word = U(0)
    for i in range(len(begin)):
        upper, digits = np.uint32(0), np.uint32(0)
        octets = end[i] - begin[i]
        before = n
        inside = np.uint32(0)
        for at in range(U(begin[i]), U(end[i])):
            code = codes[at]
            bit = table[code]
            upper += bit & UPPER
            digits += bit & DIGIT
            alnum = bit & ALNUM
            starts[U(n)] = at
            n += alnum > inside
            inside = alnum
            if code > 0x7F:
                octets += 1 + np.int64(code > 0x7FF) + np.int64(code > 0xFFFF)
        out[0, i], out[1, i], out[2, i], out[4, i] = upper // UPPER, digits // DIGIT, octets, n - before
        for k in range(before, n):
            out[3, i] += starts[k] == begin[i] or fasttext_space(codes[starts[k] - 1])
        while word < U(len(word_begin)) and word_begin[word] < end[i]:
            word += U(1)
            out[5, i] += 1
    return out, starts[:n].copy()


@njit(cache=True)
def sums(values, first):  # type: ignore[no-untyped-def]  # a kernel
    """Sums of a column of line facts by document, int64[docs]."""
    out = np.zeros(len(first) - 1, dtype=np.int64)
    for d in range(len(first) - 1):
        for i in range(first[d], first[d + 1]):
            out[d] += values[i]
    return out
