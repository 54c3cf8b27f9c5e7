"""Shares of a text inside repeated n-grams of its UAX-29 words, in the three readings that count all positions covered.

| reading | most frequent 2-, 3-, 4-gram | repeated 5- to 10-grams | length |
|---|---|---|---|
| DCLM | length x copies of the longest among the most frequent | words covered by any copy | code points |
| datamap-rs | words covered by any copy of the longest among the most frequent | words covered by any copy | bytes |
| ours | words covered by its copies but the first | words covered by copies but the first | code points |

In all three an n-gram that occurs once is no repetition.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch
from curate.measures.gopher.blocks import utf8_lengths
from curate.measures.gopher.ngrams import covered, longer_grams, most_frequent, repeated_words
from curate.measures.hashtable import table_bits
from curate.measures.kernels import U
from curate.segment import Words

SHORTEST, LONGEST_TOP, LONGEST = 2, 4, 10
NAMES = tuple(f"top_{n}_gram" if n <= LONGEST_TOP else f"dup_{n}_gram" for n in range(SHORTEST, LONGEST + 1))


class Grams(NamedTuple):
    """Lengths covered, each int64[9, docs] in the order of NAMES, and the totals they are shares of, int64[docs]."""

    dclm: NDArray[np.int64]
    olmo3: NDArray[np.int64]
    own: NDArray[np.int64]
    words: NDArray[np.int64]
    distinct: NDArray[np.int64]
    chars: NDArray[np.int64]
    bytes: NDArray[np.int64]


def word_bytes(batch: Batch) -> NDArray[np.int64]:
    """Bytes of each UAX-29 word in UTF-8."""
    return utf8_lengths(batch, batch.segments.words_uax29)


def uax29_grams(batch: Batch) -> Grams:
    """The repeated n-grams of all UAX-29 words."""
    words = batch.segments.words_uax29
    grams, totals = _word_grams(words.begin, words.end, words.first, words.ids, batch.once(word_bytes), True)
    return Grams(*grams, *totals)


def dclm_grams(words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """DCLM's lengths covered and the characters of all words, where the words are not all UAX-29 words."""
    sizes = words.end - words.begin
    grams, totals = _word_grams(words.begin, words.end, words.first, words.ids, sizes, False)
    return grams[0], totals[2]


@njit(cache=True)
def _word_grams(begin, end, first, ids, sizes, all_readings):  # type: ignore[no-untyped-def]  # a kernel
    docs = len(first) - 1
    grams = np.zeros((3, LONGEST - SHORTEST + 1, docs), dtype=np.int64)
    totals = np.zeros((4, docs), dtype=np.int64)
    most = 1
    for d in range(docs):
        most = max(most, first[d + 1] - first[d])
    room = 1 << table_bits(most)
    keys = np.empty(room, dtype=np.uint64)
    slots = np.empty(room, dtype=np.int32)
    positions = np.empty(most, dtype=np.int32)
    groups = np.empty(most, dtype=np.int32)
    counts = np.empty(most, dtype=np.int32)
    firsts = np.empty(most, dtype=np.int32)
    chars = np.zeros(most + 1, dtype=np.int64)
    octets = np.zeros(most + 1, dtype=np.int64)
    for d in range(docs):
        low, high = first[d], first[d + 1]
        for i in range(U(high - low)):
            word = U(low) + i
            chars[i + U(1)] = chars[i] + end[word] - begin[word]
            octets[i + U(1)] = octets[i] + sizes[word]
        survivors, kept, distinct = repeated_words(ids, low, high, keys, slots, positions, groups, counts, firsts)
        totals[0, d] = high - low
        totals[1, d] = distinct
        totals[2, d] = chars[high - low]
        totals[3, d] = octets[high - low]
        for n in range(SHORTEST, LONGEST + 1):
            survivors, kept = longer_grams(keys, slots, positions, groups, counts, firsts, survivors)
            if survivors == 0:
                break
            row = n - SHORTEST
            if n > LONGEST_TOP:
                grams[0, row, d] = covered(positions, groups, survivors, -1, False, firsts, n, chars)
                if not all_readings:
                    continue
                grams[1, row, d] = covered(positions, groups, survivors, -1, False, firsts, n, octets)
                grams[2, row, d] = covered(positions, groups, survivors, -1, True, firsts, n, chars)
                continue
            best = most_frequent(counts, firsts, kept, n, chars)
            grams[0, row, d] = (chars[firsts[best] + n] - chars[firsts[best]]) * counts[best]
            if not all_readings:
                continue
            grams[2, row, d] = covered(positions, groups, survivors, best, True, firsts, n, chars)
            best = most_frequent(counts, firsts, kept, n, octets)
            grams[1, row, d] = covered(positions, groups, survivors, best, False, firsts, n, octets)
    return grams, totals
