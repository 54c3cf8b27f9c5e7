"""Shingles: every run of n tokens of a document as a 32-bit hash, straight from the segments.

A document's near-duplicate identity is the set of these hashes. 32 bits are what MinHash implementations work with; in
two documents of 1,000 shingles each about one pair in 4,000 has a shingle too many in common by chance.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.duplicates.config import Near
from curate.duplicates.folding import Tokens, characters, folded_words, table
from curate.segment import Segments
from curate.segment.types import Ids, Offsets

Shingles = NDArray[np.uint32]

BASE = np.uint64(0xD1342543DE82EF95)  # multiplier of the rolling hash (Steele and Vigna 2021)


def tokens(segments: Segments, near: Near) -> Tokens:
    """The tokens of which `near` makes shingles: words by UAX #29, or characters with runs of white space as one."""
    if near.shingle == "char":
        return Tokens(*characters(segments.text.codes, segments.text.first, table(near.fold)))
    words = segments.words_uax29
    if near.fold == "lower":
        return Tokens(words.begin, words.end, words.first, segments.lower_ids("words_uax29"))
    return Tokens(*folded_words(segments.text.codes, words.begin, words.end, words.first, table(near.fold)))


def shingles(found: Tokens, length: int) -> tuple[Shingles, Offsets]:
    """Hashes of all runs of `length` tokens in the order of the text, uint32[shingles], and first, int64[docs + 1].

    Shingle i of document d, `first[d] + i`, begins with its token i. A document with fewer tokens has none.
    """
    first = np.zeros(len(found.first), dtype=np.int64)
    np.cumsum(np.maximum(np.diff(found.first) - (length - 1), 0), out=first[1:])
    return _hashes(found.ids, found.first, first, length), first


def shingle_sets(segments: Segments, near: Near) -> tuple[Shingles, Offsets]:
    """Sorted distinct shingles of all documents, one after the other, and where each document's begin."""
    return distinct(*shingles(tokens(segments, near), near.ngram))


@njit(cache=True)
def _hashes(ids: Ids, first: Offsets, of: Offsets, length: int) -> Shingles:
    """A polynomial of the ids modulo 2^64, rolled on by one token each, its bits mixed at the end as in SplitMix64."""
    out = np.empty(of[-1], dtype=np.uint32)
    top = np.uint64(1)
    for _ in range(length):
        top *= BASE
    for d in range(len(first) - 1):
        size = of[d + 1] - of[d]
        if size == 0:
            continue
        ids_here = ids[first[d] : first[d + 1]]
        here = out[of[d] : of[d + 1]]
        state = np.uint64(0)
        for i in range(length):
            state = state * BASE + ids_here[i]
        for i in range(size):
            mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            here[i] = np.uint32(mixed >> np.uint64(32))
            if i + 1 < size:
                state = state * BASE + (ids_here[i + length] - ids_here[i] * top)
    return out


def distinct(hashes: Shingles, first: Offsets) -> tuple[Shingles, Offsets]:
    """The hashes of every document sorted, each once, and where each document's begin. `hashes` is used up."""
    for begin, end in pairwise(first.tolist()):
        hashes[begin:end].sort()  # numpy sorts with vectors; a bucket sort in a kernel took three times as long
    return _once(hashes, first)


@njit(cache=True)
def _once(hashes: Shingles, first: Offsets) -> tuple[Shingles, Offsets]:
    """Sorted hashes of every document, each once, in the place where they are."""
    docs = len(first) - 1
    of = np.zeros(docs + 1, dtype=np.int64)
    n = 0
    last = np.uint32(0)
    for d in range(docs):
        for i in range(first[d], first[d + 1]):
            # Always written, kept where it is new: no branch that cannot be foreseen.
            value = hashes[i]
            hashes[n] = value
            n += i == first[d] or value != last
            last = value
        of[d + 1] = n
    return hashes[:n], of
