"""Bands of a signature: how many of how many rows, how likely a pair meets in one, and the keys of the bands."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.duplicates.config import BANDINGS, Near


class Banding(NamedTuple):
    """Bands x rows, and the length of the signature of which they take the beginning."""

    bands: int
    rows: int
    permutations: int


def banding(near: Near) -> Banding:
    """The banding that `near` asks for."""
    if near.banding == "auto":
        return Banding(*optimal(near.threshold, near.permutations), near.permutations)
    bands, rows = BANDINGS.get(near.banding) or map(int, near.banding.split("x"))
    return Banding(bands, rows, bands * rows)


def probability(jaccard: float, bands: int, rows: int) -> float:
    """Chance that two sets of this similarity agree in all rows of a band at least: 1 - (1 - j^r)^b."""
    return float(1 - (1 - jaccard**rows) ** bands)


@cache
def optimal(threshold: float, permutations: int) -> tuple[int, int]:
    """Bands and rows with the least sum of false positives and false negatives, weighed the same, if similarities
    are spread evenly: the choice of datasketch's `MinHashLSH`."""
    from scipy.integrate import quad

    def missed(jaccard: float, bands: int, rows: int) -> float:
        return 1 - (1 - (1 - jaccard ** float(rows)) ** float(bands))

    def found(jaccard: float, bands: int, rows: int) -> float:
        return 1 - (1 - jaccard ** float(rows)) ** float(bands)

    least, best = float("inf"), (0, 0)
    for bands in range(1, permutations + 1):
        for rows in range(1, permutations // bands + 1):
            positive = quad(found, 0.0, threshold, args=(bands, rows))[0]
            negative = quad(missed, threshold, 1.0, args=(bands, rows))[0]
            error = positive * 0.5 + negative * 0.5
            if error < least:
                least, best = error, (bands, rows)
    return best


@njit(cache=True)
def band_keys(signatures: NDArray[np.uint32], bands: int, rows: int) -> NDArray[np.uint64]:
    """Hash of the rows of every band, uint64[docs, bands]; the same rows give the same key in any band."""
    out = np.empty((len(signatures), bands), dtype=np.uint64)
    for d in range(len(signatures)):
        for band in range(bands):
            state = np.uint64(rows)
            for row in range(band * rows, (band + 1) * rows):
                state = (state ^ np.uint64(signatures[d, row])) * np.uint64(0xD1342543DE82EF95)
                state ^= state >> np.uint64(32)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            out[d, band] = state ^ (state >> np.uint64(31))
    return out
