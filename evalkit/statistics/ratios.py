"""Ratios of sums over documents: loss a token, a word, a byte, and what is computed from them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalkit.statistics.bootstrap import studentised
from evalkit.statistics.intervals import (
    LEVEL,
    NAN,
    Clusters,
    Estimate,
    Floats,
    Ints,
    cluster_numbers,
    standard_error,
    t_quantile,
)

FEWEST = 8  # below, draws with replacement are too often the same few documents
DRAWS = 1999


def ratio(
    numerators: Sequence[float] | Floats,
    denominators: Sequence[float] | Floats,
    clusters: Clusters = None,
    *,
    level: float = LEVEL,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """sum x / sum y over documents (or clusters of them), with its standard error and an interval.

    The error is by the delta method, sqrt(C / (C - 1) * sum_c e_c^2) / sum y with e = x - R y summed in a cluster. The
    interval is the studentised bootstrap's over documents (Davison and Hinkley 1997, section 2.4; seeded), which
    follows the skewness that documents of very different lengths bring; of fewer than 8 documents the delta method's
    with t quantiles. One document alone has no interval. Denominators are not negative, nor all 0.
    """
    x, y = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    assert len(x) == len(y) and np.isfinite(x).all() and np.isfinite(y).all() and (y >= 0).all()
    names = cluster_numbers(clusters, len(x))
    number = None if names is None else int(names.max(initial=-1)) + 1
    total = float(y.sum())
    if total <= 0:
        return Estimate(NAN, NAN, NAN, NAN, len(x), number, "none")
    value = float(x.sum()) / total
    e: Floats = x - value * y
    if names is not None:
        e, y = _summed(e, names), _summed(y, names)
    error = standard_error(e, None, total)
    if len(e) < 2:
        return Estimate(value, NAN, NAN, NAN, len(x), number, "none")
    if len(e) >= FEWEST and error > 0:
        t = studentised(e, y, draws, seed)
        most, least = (float(q) for q in np.quantile(t, [(1 + level) / 2, (1 - level) / 2]))
        return Estimate(value, value - most * error, value - least * error, error, len(x), number, "bootstrap t")
    half = t_quantile(level, len(e) - 1) * error
    return Estimate(value, value - half, value + half, error, len(x), number, "delta")


def _summed(values: Floats, names: Ints) -> Floats:
    return np.bincount(names, weights=values).astype(np.float64)


def perplexity(losses: Estimate) -> Estimate:
    """exp of a loss in nats a token, word or byte."""
    return losses.through(math.exp, math.exp(losses.value))


def bits(losses: Estimate) -> Estimate:
    """Nats as bits."""
    return losses.scaled(1 / math.log(2))
