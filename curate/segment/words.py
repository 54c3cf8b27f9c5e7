"""Words by white space, and what is common to all kinds of words."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.decode import decode
from curate.segment.hashing import span_id, span_ids, span_lower_ids
from curate.segment.kernels import helper, longer
from curate.segment.tables import SPACE, classes
from curate.segment.types import Codes, Ids, Offsets, Text, Words


def words_space(text: Text) -> Words:
    """`str.split()` of every document."""
    return Words(*_words_space(text.codes, text.first, classes().flags))


def lower_ids(text: Text, words: Words) -> Ids:
    """Ids of the lower-cased words, uint64[words].

    Lower case is that of single code points: the one letter whose lower case is longer (U+0130) stays, and a final
    capital sigma becomes the middle form. Compare with ids made the same way (`word_id`).
    """
    return span_lower_ids(text.codes, words.begin, words.end, classes().lower)


def word_id(word: str, lower: bool = False) -> int:
    """The id that a word of this surface has in `Words.ids` (or in `lower_ids`)."""
    text = decode([word])
    begin, end = text.first[:-1], text.first[1:]
    ids = span_lower_ids(text.codes, begin, end, classes().lower) if lower else span_ids(text.codes, begin, end)
    return int(ids[0])


@njit(cache=True)
def _words_space(codes: Codes, first: Offsets, flags: NDArray[np.uint16]) -> tuple[Offsets, Offsets, Offsets, Ids]:
    docs = len(first) - 1
    of = np.zeros(docs + 1, dtype=np.int64)
    begin = np.empty(len(codes) // 5 + 64, dtype=np.int64)
    end = np.empty_like(begin)
    ids = np.empty(len(begin), dtype=np.uint64)
    n = np.int64(0)
    for d in range(docs):
        at, n = _document(codes, first[d], first[d + 1], flags, begin, end, ids, n)
        while at < first[d + 1]:
            begin, end, ids = longer(begin), longer(end), longer(ids)
            at, n = _document(codes, at, first[d + 1], flags, begin, end, ids, n)
        of[d + 1] = n
    return begin[:n], end[:n], of, ids[:n]


@helper
def _document(codes, at, stop, flags, begin, end, ids, n):  # type: ignore[no-untyped-def]
    """Words from `at` on, after n that stand already; stops where there is no room. Returns where, and how many."""
    while at < stop and n < len(begin):
        if flags[codes[at]] & SPACE:
            at += 1
            continue
        start = at
        while at < stop and not flags[codes[at]] & SPACE:
            at += 1
        begin[n] = start
        end[n] = at
        ids[n] = span_id(codes, start, at)
        n += 1
    return at, n
