"""64-bit ids of spans: equal code points give equal ids, in every process and on every machine."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.decode import decode
from curate.segment.kernels import helper
from curate.segment.types import Codes, Ids, Offsets

GOLDEN = 0x9E3779B97F4A7C15
MULTIPLIER = np.uint64(GOLDEN)
SHIFT = np.uint64(29)
CODE_BITS = np.uint64(21)  # code points are below 2**21, so three of them fit one 64-bit step


@helper
def span_id(codes, begin, end):  # type: ignore[no-untyped-def]
    """Hash of `codes[begin:end]`: a multiply-xorshift round per three code points, seeded with the length.

    For a given word length every round is a bijection of the state, so that two words that differ in one round never
    collide; the closing rounds are those of SplitMix64 (Steele, Lea and Flood 2014).
    """
    state = np.uint64(end - begin) * MULTIPLIER
    at = begin
    while at + 3 <= end:
        packed = (
            np.uint64(codes[at])
            | (np.uint64(codes[at + 1]) << CODE_BITS)
            | (np.uint64(codes[at + 2]) << (CODE_BITS + CODE_BITS))
        )
        state = (state ^ packed) * MULTIPLIER
        state ^= state >> SHIFT
        at += 3
    packed = np.uint64(0)
    while at < end:
        packed = (packed << CODE_BITS) | np.uint64(codes[at])
        at += 1
    state = (state ^ packed) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@njit(cache=True)
def span_ids(codes: Codes, begin: Offsets, end: Offsets) -> Ids:
    """Ids of the given spans, uint64[spans]."""
    out = np.empty(len(begin), dtype=np.uint64)
    for i in range(len(begin)):
        out[i] = span_id(codes, begin[i], end[i])
    return out


@njit(cache=True)
def span_lower_ids(codes: Codes, begin: Offsets, end: Offsets, lower: NDArray[np.uint32]) -> Ids:
    """Ids of the given spans after mapping every code point by `lower`, uint64[spans]."""
    out = np.empty(len(begin), dtype=np.uint64)
    room = np.empty(64, dtype=np.uint32)
    for i in range(len(begin)):
        length = end[i] - begin[i]
        if length > len(room):
            room = np.empty(2 * length, dtype=np.uint32)
        _map(codes, begin[i], length, lower, room)
        out[i] = span_id(room, 0, length)
    return out


@helper
def _map(codes, begin, length, table, out):  # type: ignore[no-untyped-def]
    for i in range(length):
        out[i] = table[codes[begin + i]]


def string_ids(strings: list[str]) -> Ids:
    """Ids that spans with these surfaces have, uint64[strings]."""
    text = decode(strings)
    return span_ids(text.codes, text.first[:-1], text.first[1:])


def hash_table(entries: dict[int, int]) -> NDArray[np.uint64]:
    """Open-addressed table of (key, value) rows for `find`, less than half full.

    Its number of rows is a power of two; 0 is the empty key and the value of what is absent.
    """
    rows = 1 << (2 * len(entries)).bit_length()
    table = np.zeros((rows, 2), dtype=np.uint64)
    for key, value in entries.items():
        slot = key & (rows - 1)
        while table[slot, 0]:
            slot = (slot + 1) & (rows - 1)
        table[slot] = key, value
    return table


@helper
def find(facts, key):  # type: ignore[no-untyped-def]
    """Value under a key, or 0."""
    last = np.uint64(len(facts) - 1)
    slot = key & last
    while facts[slot, 0] != 0 and facts[slot, 0] != key:
        slot = (slot + np.uint64(1)) & last
    return facts[slot, 1]
