"""Open-addressing hash tables over scratch arrays, for kernels that count equal things inside one document.

A table of `1 << bits` slots, at least twice the entries, is the beginning of a key array and of a slot array; only
`slots` is cleared, which costs less than the insertions. Keys are 64-bit hashes compared whole. The probe stands in the
loops of the kernels, because a call that hands arrays over costs more than the probe; `&` instead of `and` and selects
instead of branches keep the processor from guessing what it cannot know:

    at = home(key, bits)
    while (slots[at] != EMPTY) & (keys[at] != key):
        at = (at + U(1)) & mask
"""

import numpy as np

from curate.segment.kernels import helper

EMPTY = np.int32(-1)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@helper
def table_bits(entries):  # type: ignore[no-untyped-def]  # a kernel
    """log2 of the slots for this many entries: at most half of them get used."""
    bits = 4
    while (1 << bits) < 2 * entries:
        bits += 1
    return bits


@helper
def home(key, bits):  # type: ignore[no-untyped-def]  # a kernel
    """The slot where the search for a key begins."""
    return (key * _SPREAD) >> np.uint64(64 - bits)
