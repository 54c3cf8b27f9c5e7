"""64-bit ids of spans: equal code points give equal ids, in every process and on every machine."""

import numpy as np
from numba import njit

from curate.segment.kernels import helper
from curate.segment.types import Codes, Ids, Offsets

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
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
