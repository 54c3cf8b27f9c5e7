"""Texts as the exact comparison reads them: in lower case, runs of white space as one blank, the ends stripped.

Punctuation stays: texts that are the same for this comparison are the same for a reader. Equal normalised texts have
equal words and equal runs of characters, so that they have the same shingle set whatever the shingles are. For that,
white space that word boundaries do not treat as such is left alone: U+202F, which joins the digits of 12 000 to one
word, and white space before a mark or an invisible joiner, which UAX #29 takes as part of the white space.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import xxhash
from numba import njit
from numpy.typing import NDArray

from curate.segment.kernels import helper
from curate.segment.tables import SPACE, WORD_BREAKS, classes
from curate.segment.types import Codes, Offsets, Text

WHITE, JOINS = 1, 2  # bits of `_kinds`
BLANK = np.uint32(0x20)


def normalised(text: Text) -> Text:
    """The batch with every document normalised; a document of white space only becomes empty."""
    codes, first = _normalise(text.codes, text.first, _lower(), _kinds())
    codes.flags.writeable = False
    return Text(codes, first)


def text_keys(text: Text) -> NDArray[np.uint64]:
    """128-bit hash of each normalised text, uint64[docs, 2] (high half first); zeros where it is empty."""
    normal = normalised(text)
    keys = np.zeros((text.docs, 2), dtype=np.uint64)
    first = normal.first.tolist()
    for d, (begin, end) in enumerate(pairwise(first)):
        if begin < end:
            keys[d] = hashed(normal.codes[begin:end])
    return keys


def hashed(data: bytes | NDArray[np.uint32]) -> NDArray[np.uint64]:
    """128-bit hash of the bytes of `data`, uint64[2], the high half first, as its hexadecimal form is read."""
    # numpy's stubs know arrays as buffers only from Python 3.12 on.
    return np.frombuffer(xxhash.xxh3_128_digest(data), dtype=">u8").astype(np.uint64)  # type: ignore[arg-type]


@cache
def _lower() -> NDArray[np.uint32]:
    """Lower case, but for the one capital that is a pictograph while its small letter is none: a joiner before it
    makes one word or two."""
    table = classes().lower.copy()
    table[0x24C2] = 0x24C2
    return table


@cache
def _kinds() -> NDArray[np.uint8]:
    """Bits WHITE and JOINS of every code point."""
    tables = classes()
    joins = [WORD_BREAKS.index(name) for name in ("Extend", "Format", "ZWJ")]
    white = (tables.flags & SPACE != 0) & (tables.word_break != WORD_BREAKS.index("ExtendNumLet"))
    return np.where(white, WHITE, np.where(np.isin(tables.word_break, joins), JOINS, 0)).astype(np.uint8)


@njit(cache=True)
def _normalise(
    codes: Codes, first: Offsets, lower: NDArray[np.uint32], kinds: NDArray[np.uint8]
) -> tuple[Codes, Offsets]:
    docs = len(first) - 1
    out = np.empty(len(codes), dtype=np.uint32)
    of = np.zeros(docs + 1, dtype=np.int64)
    n = np.int64(0)
    for d in range(docs):
        n = _document(codes, first[d], first[d + 1], lower, kinds, out, n)
        of[d + 1] = n
    return out[:n].copy(), of


@helper
def _document(codes, at, stop, lower, kinds, out, n):  # type: ignore[no-untyped-def]
    """Write one document after the n code points that stand already; returns how many stand then."""
    start = n
    while at < stop:
        code = codes[at]
        if kinds[code] != WHITE:
            out[n] = lower[code]
            n += 1
            at += 1
            continue
        run = at
        while at < stop and kinds[codes[at]] == WHITE:
            at += 1
        if at == stop:
            break
        if kinds[codes[at]] == JOINS:
            while run < at:
                out[n] = codes[run]
                n += 1
                run += 1
        elif n > start:
            out[n] = BLANK
            n += 1
    return n
