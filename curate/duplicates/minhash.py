"""MinHash signatures, bit for bit those of datasketch 2.0 (scheme `affine32`) over the same 32-bit hashes.

Each hash is mixed once by MurmurHash3's finaliser; permutation k of it is a_k h + b_k mod 2^32 with a_k odd; a
signature holds the least value under every permutation.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.kernels import helper
from curate.segment.types import Offsets

Row = NDArray[np.uint32]

EMPTY = np.uint32(0xFFFFFFFF)  # every value of the signature of an empty set


def permutations(count: int, seed: int) -> tuple[Row, Row]:
    """Factors a and summands b of `count` permutations, uint32[count] each: those of `MinHash(count, seed)`."""
    draw = np.random.RandomState(seed)
    a = draw.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return a, draw.randint(0, 1 << 32, count, dtype=np.uint32)


@helper
def _mixed(h):  # type: ignore[no-untyped-def]
    """MurmurHash3's finaliser (numba computes in 64 bits unless told otherwise)."""
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@njit(cache=True)
def signatures(shingles: Row, first: Offsets, a: Row, b: Row) -> NDArray[np.uint32]:
    """Signatures of all documents, uint32[docs, permutations]."""
    docs = len(first) - 1
    out = np.full((docs, len(a)), EMPTY)
    for d in range(docs):
        row = out[d]
        for i in range(first[d], first[d + 1]):
            h = _mixed(shingles[i])
            for k in range(len(a)):
                row[k] = min(row[k], np.uint32(a[k] * h + b[k]))
    return out
