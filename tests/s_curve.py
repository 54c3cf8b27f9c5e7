"""How the share of planted pairs that is found compares with what the banding promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from near_search import sign
from numpy.typing import NDArray
from planted import Pair
from scipy.stats import beta

from curate.duplicates.banding import banding, probability
from curate.duplicates.config import Near

# Of 10,000 honest intervals one misses: a dozen bandings of ten bins each should all hold.
CONFIDENCE = 0.9999
BATCH = 1000


class Bin(NamedTuple):
    """Pairs of one range of similarity."""

    low: float
    high: float
    pairs: int
    found: int
    expected: float  # sum of the chances of its pairs
    interval: tuple[float, float]  # of the share found (Clopper and Pearson 1934)


class Curve(NamedTuple):
    """All pairs under one banding."""

    bands: int
    rows: int
    bins: list[Bin]
    pairs: int
    found: int
    expected: float
    deviation: float  # of `found` from `expected`, in standard deviations


def alternating(pairs: Sequence[Pair]) -> list[str]:
    """The texts of the pairs: left, right, left, right ..."""
    return [text for pair in pairs for text in (pair.left, pair.right)]


def meet(bands: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of the pairs, signed alternating, have a band in common."""
    return np.asarray((bands[0::2] == bands[1::2]).any(axis=1))


def curve(pairs: Sequence[Pair], near: Near, width: float = 0.05) -> Curve:
    """Sign the pairs and count those found, by similarity."""
    bands, rows, _ = banding(near)
    jaccard = np.array([pair.jaccard for pair in pairs])
    batches = [pairs[begin : begin + BATCH] for begin in range(0, len(pairs), BATCH)]
    found = np.concatenate([meet(sign(alternating(batch), near).bands) for batch in batches])
    chance = np.array([probability(value, bands, rows) for value in jaccard])
    at = np.minimum(jaccard / width + 1e-9, round(1 / width) - 1).astype(int)
    bins = []
    for number in np.unique(at):
        here = at == number
        count, hits = int(here.sum()), int(found[here].sum())
        expected = float(chance[here].sum())
        bins.append(Bin(number * width, (number + 1) * width, count, hits, expected, _interval(hits, count)))
    deviation = (found.sum() - chance.sum()) / np.sqrt((chance * (1 - chance)).sum())
    return Curve(bands, rows, bins, len(pairs), int(found.sum()), float(chance.sum()), float(deviation))


def _interval(hits: int, count: int) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, count - hits + 1))
    high = 1.0 if hits == count else float(beta.ppf(1 - tail, hits + 1, count - hits))
    return low, high


def misses(found: Curve) -> list[Bin]:
    """Bins whose interval does not hold the share that the banding promises."""
    return [one for one in found.bins if not one.interval[0] <= one.expected / one.pairs <= one.interval[1]]
