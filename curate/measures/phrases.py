"""Fixed phrases that the published rules look for, found in one pass over the lower-cased text.

A place is looked at closely only where a small table knows the next three characters; the phrases are at least three
characters long. Phrases of rules that mind the case are found in lower case and compared again as they are written.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch, lower
from curate.measures.kernels import U

# Of C4 (`curate.measures.c4`), in the order of its tests but for "{", which is a single character.
C4 = ("lorem ipsum", "javascript", "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies",
      "use cookies")  # fmt: skip
# Of RefinedWeb's cuts (`curate.measures.refinedweb`).
CUTS = ("items in cart", "read more", "sign-in")
# Of MADLAD-400's cursed regular expressions (`curate.measures.madlad`), as written: those OLMo 3's program matches,
# those that hold an escaped dot, and those that must close the sentence but for white space.
CURSED = (
    "���", "aute irure dolor ", " sunt in culpa qui ", "orem ipsum ", " quis nostrud ", " adipisicing ", " dolore eu ",
    " cupidatat ", "autem vel eum", "wisi enim ad", " sex ", " porn ", "黄色电影", "mp3", "ownload", "Episode",
    "Develop", "Facebook", " crusher ", " xxx ",
)  # fmt: skip
CURSED_ESCAPED = (" nr.", "Vol.", " Ep.", " шт.")
CURSED_CLOSING = (" г.", " кг.")
ALL = (*C4, *CUTS, *CURSED, *CURSED_ESCAPED, *CURSED_CLOSING)
FIRST_CUT = len(C4)
FIRST_CURSED = FIRST_CUT + len(CUTS)

_PREFIX = 3
_CODE_BITS = np.uint64(21)
_WINDOW = np.uint64((1 << 63) - 1)  # three code points of 21 bits
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(64 - 12)


class Found(NamedTuple):
    """Places of phrases: the place `i` of document d, in `first[d]:first[d + 1]`, begins at `at[i]`, ascending."""

    at: NDArray[np.int64]
    end: NDArray[np.int64]
    phrase: NDArray[np.int64]  # number into ALL
    first: NDArray[np.int64]  # [docs + 1]


def phrases(batch: Batch) -> Found:
    """Every place of every phrase of ALL; phrases may overlap."""
    text = batch.segments.text
    room = 64 + len(text.codes) // 256
    while True:
        at, phrase, first = _find(text.codes, batch.once(lower), text.first, *_table(), room)
        if len(at) <= room:
            return Found(at, at + _table()[1][phrase], phrase, first)
        room = len(at)


def codes_of(word: str) -> NDArray[np.uint32]:
    """The code points of a word, uint32[characters]."""
    return np.frombuffer(word.encode("utf-32-le"), dtype=np.uint32).copy()


@cache
def _table() -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.uint64], NDArray[np.int16], NDArray[np.int16]]:
    """Phrases as written (padded), lengths, keys of the first three characters; phrase by hash of the key, the next.

    A hash without a phrase and the last phrase with a hash have -1.
    """
    padded = np.zeros((len(ALL), max(map(len, ALL))), dtype=np.uint32)
    keys = np.zeros(len(ALL), dtype=np.uint64)
    for row, phrase in enumerate(ALL):
        padded[row, : len(phrase)] = codes_of(phrase)
        for code in codes_of(phrase.lower())[:_PREFIX]:
            keys[row] = (keys[row] << _CODE_BITS) | np.uint64(code)
    lengths = np.array([len(phrase) for phrase in ALL], dtype=np.int64)
    head = np.full(1 << 12, -1, dtype=np.int16)
    following = np.full(len(ALL), -1, dtype=np.int16)
    for row, slot in enumerate(((keys * _SPREAD) >> _SHIFT).tolist()):
        following[row] = head[slot]
        head[slot] = row
    return padded, lengths, keys, head, following


@njit(cache=True)
def _find(codes, lowered, first, padded, lengths, keys, head, following, room):  # type: ignore[no-untyped-def]
    """The places; where there are more than `room`, as many unset places as are needed."""
    docs = len(first) - 1
    at = np.empty(room, dtype=np.int64)
    phrase = np.empty(room, dtype=np.int64)
    of = np.zeros(docs + 1, dtype=np.int64)
    n = 0
    for d in range(docs):
        window = np.uint64(0)
        stop = first[d + 1]
        for last in range(U(first[d]), U(stop)):
            window = ((window << _CODE_BITS) | np.uint64(lowered[last])) & _WINDOW
            row = np.int64(head[(window * _SPREAD) >> _SHIFT])
            if row < 0:
                continue
            begin = np.int64(last) - _PREFIX + 1
            while row >= 0:
                same = keys[row] == window and begin >= first[d] and begin + lengths[row] <= stop
                if same:
                    for k in range(lengths[row]):
                        here = codes[begin + k] if row >= FIRST_CURSED else lowered[begin + k]
                        same &= here == padded[row, k]
                if same:
                    if n < room:
                        at[n] = begin
                        phrase[n] = row
                    n += 1
                row = np.int64(following[row])
        of[d + 1] = n
    return (at[:n].copy(), phrase[:n].copy(), of) if n <= room else (np.empty(n, np.int64), phrase, of)
