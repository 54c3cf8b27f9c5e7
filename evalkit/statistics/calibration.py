"""Whether a model is as often right as it says: calibration error and reliability curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.statistics.bootstrap import resample
from evalkit.statistics.intervals import LEVEL, NAN, Clusters, Estimate, Floats, Ints, cluster_numbers, mean

BINS = 15
DRAWS = 999


def probabilities(logprobs: Sequence[float] | Floats) -> Floats:
    """Of choices, from their log-likelihoods: the softmax, as lm-eval has it for its Brier score."""
    values = np.asarray(logprobs, dtype=np.float64)
    shifted = np.exp(values - values.max())
    return np.asarray(shifted / shifted.sum())


@dataclass(frozen=True, slots=True)
class Bin:
    """Items whose confidence lies in (low, high]: how sure the model was on average, and how often it was right."""

    low: float
    high: float
    confidence: float
    right: Estimate


@dataclass(frozen=True, slots=True)
class Calibration:
    """error: expected calibration error, with a bootstrap interval over items or clusters. bins: those with items."""

    error: Estimate
    bins: list[Bin]


def calibration(
    confidences: Sequence[float] | Floats,
    right: Sequence[float] | Floats,
    clusters: Clusters = None,
    *,
    bins: int = BINS,
    seed: int = 0,
) -> Calibration:
    """How far confidence and accuracy are apart, in `bins` of equal width.

    The error is sum_b n_b / n |accuracy_b - confidence_b| (Guo et al., arXiv 1706.04599, equation 3). It is
    biased upwards by chance differences in bins of few items; the interval, by percentiles of a seeded bootstrap,
    shares that bias.
    """
    p, hit = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=np.float64)
    assert p.shape == hit.shape and (p >= 0).all() and (p <= 1).all()
    names = cluster_numbers(clusters, len(p))
    number = None if names is None else int(names.max(initial=-1)) + 1
    if not len(p):
        return Calibration(Estimate(NAN, NAN, NAN, NAN, 0, number), [])
    place = np.clip(np.ceil(p * bins).astype(np.int64) - 1, 0, bins - 1)
    value = _error(hit - p, place, bins, len(p))
    units = len(p) if number is None else number
    estimate = Estimate(value, NAN, NAN, NAN, len(p), number)
    if units > 1:
        # Sums of differences by unit and bin: a resample is then a sum of rows.
        unit = np.arange(len(p)) if names is None else names
        sums = np.bincount(unit * bins + place, weights=hit - p, minlength=units * bins).reshape(units, bins)
        sizes = np.bincount(unit, minlength=units)
        times = (np.bincount(resample(units, draw, seed), minlength=units) for draw in range(DRAWS))
        drawn = np.array([np.abs(taken @ sums).sum() / (taken @ sizes) for taken in times])
        low, high = (float(q) for q in np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
        error = float(drawn.std(ddof=1))
        estimate = Estimate(value, min(low, value), max(high, value), error, len(p), number, "bootstrap")
    found = []
    for b in np.unique(place):
        held = place == b
        names_held = None if names is None else names[held]
        found.append(Bin(b / bins, (b + 1) / bins, float(p[held].mean()), mean(hit[held], names_held)))
    return Calibration(estimate, found)


def _error(off: Floats, place: Ints, bins: int, n: int) -> float:
    return float(np.abs(np.bincount(place, weights=off, minlength=bins)).sum()) / n
