"""Words by white space, and what is common to all kinds of words."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.decode import decode
from curate.segment.hashing import span_id, span_ids
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
    return span_ids(classes().lower[text.codes], words.begin, words.end)


def word_id(word: str, lower: bool = False) -> int:
    """The id that a word of this surface has in `Words.ids` (or in `lower_ids`)."""
    text = decode([word])
    codes = classes().lower[text.codes] if lower else text.codes
    return int(span_ids(codes, text.first[:-1], text.first[1:])[0])


@njit(cache=True)
def _words_space(codes: Codes, first: Offsets, flags: NDArray[np.uint16]) -> tuple[Offsets, Offsets, Offsets, Ids]:
    docs = len(first) - 1
    room = 0
    for d in range(docs):
        inside = False
        for at in range(first[d], first[d + 1]):
            space = (flags[codes[at]] & SPACE) != 0
            room += not space and not inside
            inside = not space
    begin = np.empty(room, dtype=np.int64)
    end = np.empty(room, dtype=np.int64)
    ids = np.empty(room, dtype=np.uint64)
    of = np.zeros(docs + 1, dtype=np.int64)
    n = 0
    for d in range(docs):
        at = first[d]
        stop = first[d + 1]
        while at < stop:
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
        of[d + 1] = n
    return begin, end, of, ids
