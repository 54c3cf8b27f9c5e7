"""Seeded resampling, the same on every machine: draw `b` of seed `s` is a function of both, and of nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@njit(cache=True)
def _mixed(state: np.uint64) -> np.uint64:
    """One output of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    z = (state ^ (state >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@njit(cache=True)
def resample(n: int, draw: int, seed: int) -> Ints:
    """Places drawn with replacement: int64 [n]; n below 2^32."""
    found = np.empty(n, np.int64)
    state = _mixed(_mixed(np.uint64(seed) + _STEP) + np.uint64(draw) * _STEP)
    for i in range(n):
        state += _STEP
        found[i] = np.int64(((_mixed(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))
    return found


@njit(cache=True)
def studentised(residuals: Floats, sizes: Floats, draws: int, seed: int) -> Floats:
    """The bootstrap distribution of (R* - R) / se*, sorted, of a ratio of sums: float64 [draws that have an error].

    residuals: x - R y of each unit, with R = sum x / sum y; sizes: y. Draws as those of `resample`. Sums are of
    residuals, not of squares of x and y, whose difference would lose the digits that count.
    """
    n = len(residuals)
    found = np.empty(draws, np.float64)
    count = 0
    for draw in range(draws):
        state = _mixed(_mixed(np.uint64(seed) + _STEP) + np.uint64(draw) * _STEP)
        size = off = squares = crossed = sizes_squared = 0.0
        for _ in range(n):
            state += _STEP
            at = np.int64(((_mixed(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))
            e, y = residuals[at], sizes[at]
            size += y
            off += e
            squares += e * e
            crossed += e * y
            sizes_squared += y * y
        if size <= 0.0:
            continue
        shift = off / size
        variance = n / (n - 1) * (squares - 2.0 * shift * crossed + shift * shift * sizes_squared)
        if variance > 1e-20 * squares:  # a draw of one unit n times has no error
            found[count] = off / np.sqrt(variance)
            count += 1
    return np.sort(found[:count])
