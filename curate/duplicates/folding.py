"""Folding of characters before they are compared, as a table by code point, and the token streams made with it.

`lower`: lower case. `fineweb`: what FineWeb's normalisation leaves of a text (datatrove, `simplify_text`): lower case,
every number as 0, letters without their marks; whatever is no letter, number or mark separates. Where a character falls
apart into several letters (some vowel signs of India, Hangul) it stays as it is, which tells apart the same words.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.hashing import span_id
from curate.segment.kernels import helper, longer
from curate.segment.tables import CATEGORIES, SIZE, SPACE, classes
from curate.segment.types import Codes, Ids, Offsets
from curate.segment.uax29 import SKIPPED, WORDLIKE, word_classes

Fold = Literal["lower", "fineweb"]

# Bits of a table entry above the folded code point.
CODE = (1 << 21) - 1
NUMBER = 1 << 21  # a digit of a number that is read as 0
POINT = 1 << 22  # may stand between the digits of a number, once
BLANK = 1 << 23  # separates; a run of them is one blank
NOTHING = 1 << 24  # leaves nothing
SPECIAL = NUMBER | POINT | BLANK | NOTHING
POINTS = ".,،٫⎖⎗⎘"


class Tokens(NamedTuple):
    """What shingles are runs of: token i comes from `codes[begin[i]:end[i]]`; those of document d are
    `first[d]:first[d + 1]`."""

    begin: Offsets  # [tokens]
    end: Offsets  # [tokens]
    first: Offsets  # [docs + 1]
    ids: Ids  # [tokens] equal exactly where the folded tokens are, in practice


@cache
def table(fold: Fold) -> NDArray[np.uint32]:
    """Folded code point and the bits NUMBER to NOTHING of every code point."""
    tables = classes()
    if fold == "lower":
        return np.where(tables.flags & SPACE != 0, np.uint32(BLANK), tables.lower)
    folded = np.arange(SIZE, dtype=np.uint32)
    for code, base in _bases().items():
        folded[code] = base
    separates = word_classes() & (WORDLIKE | SKIPPED) == 0
    folded[separates] = BLANK
    folded[[ord(point) for point in POINTS]] |= np.uint32(POINT)
    folded[tables.category == CATEGORIES.index("Nd")] = NUMBER | ord("0")
    folded[tables.category == CATEGORIES.index("Mn")] = NOTHING
    lower = tables.lower.copy()
    lower[0x130] = ord("i")  # its lower case is an i and a mark
    return folded[lower]


def _bases() -> dict[int, int]:
    """Letters whose canonical decomposition is one letter and marks, to that letter.

    Decompositions never change once a character exists; newer characters than `classes` knows are left out, so that
    every version of Python gives the same.
    """
    category = classes().category
    marks = CATEGORIES.index("Mn")
    bases = {}
    for code in range(0x80, 0x30000):  # nothing beyond the second plane decomposes
        if category[code] and unicodedata.decomposition(chr(code)):
            left = [ord(c) for c in unicodedata.normalize("NFD", chr(code)) if category[ord(c)] != marks]
            if len(left) == 1:
                bases[code] = left[0]
    return bases


@helper
def _folded(codes, at, stop, table):  # type: ignore[no-untyped-def]
    """The folded character that begins at `at` (a code point, BLANK or NOTHING) and where the next one begins."""
    here = table[codes[at]]
    at += 1
    if here & NUMBER:
        while at < stop and table[codes[at]] & NUMBER:
            at += 1
        if at + 1 < stop and table[codes[at]] & POINT and table[codes[at + 1]] & NUMBER:
            at += 1
            while at < stop and table[codes[at]] & NUMBER:
                at += 1
    return here & (CODE | BLANK | NOTHING), at


@njit(cache=True)
def characters(codes: Codes, first: Offsets, table: NDArray[np.uint32]) -> tuple[Offsets, Offsets, Offsets, Ids]:
    """Fields of Tokens: every folded character, runs of blanks as one, none at the ends of a document.

    An id is the folded code point."""
    docs = len(first) - 1
    of = np.zeros(docs + 1, dtype=np.int64)
    begin = np.empty(len(codes), dtype=np.int64)
    end = np.empty(len(codes), dtype=np.int64)
    ids = np.empty(len(codes), dtype=np.uint64)
    n = 0
    for d in range(docs):
        at = first[d]
        blank = at
        pending = False
        while at < first[d + 1]:
            code, following = _folded(codes, at, first[d + 1], table)
            if code & BLANK:
                if not pending:
                    blank = at
                pending = n > of[d]
            elif not code & NOTHING:
                if pending:
                    begin[n] = blank
                    end[n] = at
                    ids[n] = np.uint64(32)
                    n += 1
                    pending = False
                begin[n] = at
                end[n] = following
                ids[n] = code
                n += 1
            at = following
        of[d + 1] = n
    return begin[:n], end[:n], of, ids[:n]


@njit(cache=True)
def folded_words(
    codes: Codes, begin: Offsets, end: Offsets, first: Offsets, table: NDArray[np.uint32]
) -> tuple[Offsets, Offsets, Offsets, Ids]:
    """Fields of Tokens: the words of the given spans after folding; one that holds a separator falls apart there."""
    docs = len(first) - 1
    of = np.zeros(docs + 1, dtype=np.int64)
    left = np.empty(len(begin) + 64, dtype=np.int64)
    right = np.empty(len(left), dtype=np.int64)
    ids = np.empty(len(left), dtype=np.uint64)
    room = np.empty(64, dtype=np.uint32)
    n = 0
    for d in range(docs):
        for word in range(first[d], first[d + 1]):
            length = end[word] - begin[word]
            if length > len(room):
                room = np.empty(2 * length, dtype=np.uint32)
            while n + length > len(left):
                left, right, ids = longer(left), longer(right), longer(ids)
            n = _word(codes, begin[word], end[word], table, room, left, right, ids, n)
        of[d + 1] = n
    return left[:n], right[:n], of, ids[:n]


@helper
def _word(codes, at, stop, table, room, begin, end, ids, n):  # type: ignore[no-untyped-def]
    """Tokens of one word after n that stand already; returns how many stand then."""
    seen = np.uint32(0)
    start = at
    for i in range(stop - at):
        room[i] = table[codes[at + i]]
        seen |= room[i]
    length = stop - at
    if seen & SPECIAL:
        length = 0
        while at < stop:
            code, following = _folded(codes, at, stop, table)
            if code & BLANK:
                if length:
                    ids[n] = span_id(room, 0, length)
                    n += 1
                length = 0
            elif not code & NOTHING:
                if not length:
                    begin[n] = at
                end[n] = following
                room[length] = code
                length += 1
            at = following
        if not length:
            return n
        ids[n] = span_id(room, 0, length)
        return n + 1
    begin[n] = start
    end[n] = stop
    ids[n] = span_id(room, 0, length)
    return n + 1
