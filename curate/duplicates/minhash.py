"""MinHash signatures, bit for bit those of datasketch 2.0 (scheme `affine32`) over the same 32-bit hashes.

Each hash is mixed once by MurmurHash3's finaliser; permutation k of it is a_k h + b_k mod 2^32 with a_k odd; a
signature holds the least value under every permutation.

The inner loop is given to LLVM as vectors of 16 permutations each, whose least values stay in registers. Its own
vectoriser prefers half the width where a processor has AVX-512, which costs a quarter of the speed; where registers are
shorter, LLVM splits the vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from curate.segment.kernels import helper
from curate.segment.types import Offsets

Row = NDArray[np.uint32]

EMPTY = np.uint32(0xFFFFFFFF)  # every value of the signature of an empty set
LANES = 16
BLOCK = 2048  # hashes mixed at a time: they stay in the processor's nearest cache
VECTORS = 8  # the most that fit the registers: each needs three, for a, b and the least value


def permutations(count: int, seed: int) -> tuple[Row, Row]:
    """Factors a and summands b of `count` permutations, uint32[count] each: those of `MinHash(count, seed)`."""
    draw = np.random.RandomState(seed)
    a = draw.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return a, draw.randint(0, 1 << 32, count, dtype=np.uint32)


def signatures(shingles: Row, first: Offsets, a: Row, b: Row) -> NDArray[np.uint32]:
    """Signatures of all documents, uint32[docs, permutations], of the hashes `shingles[first[d]:first[d + 1]]`."""
    vectors = -(-len(a) // LANES)
    passes = -(-vectors // VECTORS)
    width = max(4, -(-vectors // passes))
    padding = passes * width * LANES - len(a)
    padded = _signatures(shingles, first, np.pad(a, (0, padding)), np.pad(b, (0, padding)), width)
    return np.ascontiguousarray(padded[:, : len(a)])


def _least_of_vectors(context, hashes, count, a, b, row, at, width):  # type: ignore[no-untyped-def]
    """row[k] = min(row[k], a[k] h + b[k]) for the first `count` hashes h and `width` vectors of permutations k from
    `at` on. `width` is a constant."""
    if not isinstance(width, types.IntegerLiteral):
        return None
    vector = ir.VectorType(ir.IntType(32), LANES)
    bits = ir.IntType(64)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        def data(number: int) -> ir.Value:
            return context.make_array(signature.args[number])(context, builder, arguments[number]).data

        def vectors(number: int) -> list[ir.Value]:
            start = builder.gep(data(number), [arguments[5]])
            return [
                builder.bitcast(builder.gep(start, [bits(i * LANES)]), vector.as_pointer())
                for i in range(width.literal_value)
            ]

        factors = [builder.load(place, align=4) for place in vectors(2)]
        summands = [builder.load(place, align=4) for place in vectors(3)]
        rows = vectors(4)
        least = [cgutils.alloca_once_value(builder, builder.load(place, align=4)) for place in rows]
        hashes = data(0)
        with cgutils.for_range(builder, arguments[1]) as loop:
            hash_ = builder.load(builder.gep(hashes, [loop.index]))
            one = builder.insert_element(vector(ir.Undefined), hash_, ir.IntType(32)(0))
            each = builder.shuffle_vector(one, vector(ir.Undefined), vector([0] * LANES))
            for factor, summand, place in zip(factors, summands, least, strict=True):
                value = builder.add(builder.mul(factor, each), summand)
                before = builder.load(place)
                builder.store(builder.select(builder.icmp_unsigned("<", value, before), value, before), place)
        for place, found in zip(rows, least, strict=True):
            builder.store(builder.load(found), place, align=4)
        return context.get_dummy_value()

    return types.void(hashes, types.int64, a, b, row, types.int64, width), generate


_least: Any = intrinsic(prefer_literal=True)(_least_of_vectors)


@helper
def _mixed(h):  # type: ignore[no-untyped-def]
    """MurmurHash3's finaliser (numba computes in 64 bits unless told otherwise)."""
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@njit(cache=True)
def _signatures(shingles: Row, first: Offsets, a: Row, b: Row, width: int) -> NDArray[np.uint32]:
    """`signatures` with a and b padded to a multiple of `width` vectors."""
    docs = len(first) - 1
    out = np.full((docs, len(a)), EMPTY)
    mixed = np.empty(BLOCK, dtype=np.uint32)
    for d in range(docs):
        row = out[d]
        for begin in range(first[d], first[d + 1], BLOCK):
            block = shingles[begin : min(begin + BLOCK, first[d + 1])]
            size = len(block)
            for i in range(size):
                mixed[i] = _mixed(block[i])
            for at in range(0, len(a), width * LANES):
                if width == 4:
                    _least(mixed, size, a, b, row, at, 4)
                elif width == 5:
                    _least(mixed, size, a, b, row, at, 5)
                elif width == 6:
                    _least(mixed, size, a, b, row, at, 6)
                elif width == 7:
                    _least(mixed, size, a, b, row, at, 7)
                else:
                    _least(mixed, size, a, b, row, at, 8)
    return out
