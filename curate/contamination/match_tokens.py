"""Tokens that are compared, of items and of documents alike: ids that are equal where the folded words are."""

from __future__ import annotations

import string
from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment import Segments, Words, classes
from curate.segment.hashing import span_id, span_lower_ids
from curate.segment.kernels import helper, longer
from curate.segment.tables import SPACE
from curate.segment.types import Codes, Ids, Offsets

_APOSTROPHES = (0x2018, 0x2019, 0x02BC)
NUMBER = np.float32(2.0)  # the importance of a token with a digit
_DROPPED = np.uint32(0xFFFFFFFF)


def tokens(segments: Segments, kind: str) -> Words:
    """`words`: by UAX #29, lower case, one apostrophe; `plain`: at white space, no ASCII punctuation, lower case."""
    text = segments.text
    if kind == "plain":
        return Words(*_plain(text.codes, text.first, classes().flags, _fold(True)))
    words = segments.words_uax29
    return Words(words.begin, words.end, words.first, span_lower_ids(text.codes, words.begin, words.end, _fold(False)))


@cache
def _fold(delete_punctuation: bool) -> NDArray[np.uint32]:
    table = classes().lower.copy()
    for code in _APOSTROPHES:
        table[code] = ord("'")
    if delete_punctuation:
        for mark in string.punctuation:
            table[ord(mark)] = _DROPPED
    return table


@njit(cache=True)
def _plain(
    codes: Codes, first: Offsets, flags: NDArray[np.uint16], fold: NDArray[np.uint32]
) -> tuple[Offsets, Offsets, Offsets, Ids]:
    docs = len(first) - 1
    of = np.zeros(docs + 1, dtype=np.int64)
    begin = np.empty(len(codes) // 5 + 64, dtype=np.int64)
    end = np.empty_like(begin)
    ids = np.empty(len(begin), dtype=np.uint64)
    room = np.empty(64, dtype=np.uint32)
    n = np.int64(0)
    for d in range(docs):
        at = first[d]
        while at < first[d + 1]:
            stop = _chunk_end(codes, at, first[d + 1], flags)
            if stop == at:
                at += 1
                continue
            if n == len(begin):
                begin, end, ids = longer(begin), longer(end), longer(ids)
            if stop - at > len(room):
                room = np.empty(2 * (stop - at), dtype=np.uint32)
            length = _folded(codes, at, stop, fold, room)
            if length:
                begin[n], end[n], ids[n] = at, stop, span_id(room, 0, length)
                n += 1
            at = stop
        of[d + 1] = n
    return begin[:n], end[:n], of, ids[:n]


@helper
def _chunk_end(codes, at, stop, flags):  # type: ignore[no-untyped-def]
    while at < stop and not flags[codes[at]] & SPACE:
        at += 1
    return at


@helper
def _folded(codes, begin, end, fold, out):  # type: ignore[no-untyped-def]
    length = 0
    for i in range(begin, end):
        code = fold[codes[i]]
        if code != _DROPPED:
            out[length] = code
            length += 1
    return length


@njit(cache=True)
def importances(codes: Codes, begin: Offsets, end: Offsets) -> NDArray[np.float32]:
    """How much a token says about which item it is: 2 with a digit, 0.6 for a lone ideograph or kana, else 1.

    Problems that differ in their numbers alone are different problems; an ideograph is about half a word.
    """
    out = np.empty(len(begin), dtype=np.float32)
    for i in range(len(begin)):
        out[i] = 0.6 if end[i] - begin[i] == 1 and 0x2E80 <= codes[begin[i]] < 0x30000 else 1.0
        for at in range(begin[i], end[i]):
            if 0x30 <= codes[at] <= 0x39:
                out[i] = NUMBER
    return out
