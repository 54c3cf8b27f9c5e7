"""How well a score tells documents that were trained on from others, measured on documents of which it is known."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq  # type: ignore[import-untyped, unused-ignore]
from scipy.special import betainc, betaincinv, ndtri  # type: ignore[import-untyped, unused-ignore]
from scipy.stats import rankdata  # type: ignore[import-untyped, unused-ignore]

from evalkit.models.types import Floats
from evalkit.statistics.intervals import LEVEL, NAN, Estimate


def auc(inside: Floats, outside: Floats, *, level: float = LEVEL) -> Estimate:
    """The chance that a document trained on has the higher score (ties count half), with an interval.

    The error is DeLong's (Biometrics 44, 1988); the interval reaches as far to each side as the wider of DeLong's on
    the logit scale, which follows any spread of scores, and Newcombe's method 5 (Stat. Med. 25, 2006), which also
    holds where all or nearly all pairs are in order.
    """
    m, n = len(inside), len(outside)
    if not m or not n:
        return Estimate(NAN, NAN, NAN, NAN, m + n, method="DeLong")
    ranks = rankdata(np.concatenate([inside, outside]))
    of_in = (ranks[:m] - rankdata(inside)) / n  # of each document inside: the share of those outside below it
    of_out = 1 - (ranks[m:] - rankdata(outside)) / m
    value = float(of_in.mean())
    if m < 2 or n < 2:
        return Estimate(value, NAN, NAN, NAN, m + n, method="DeLong")
    error = math.sqrt(float(of_in.var(ddof=1)) / m + float(of_out.var(ddof=1)) / n)
    quantile = float(ndtri((1 + level) / 2))
    low, high = _newcombe(value, m, n, quantile)
    if 0 < value < 1 and error > 0:
        logit, width = math.log(value / (1 - value)), quantile * error / (value * (1 - value))
        low, high = min(low, _logistic(logit - width)), max(high, _logistic(logit + width))
    return Estimate(value, low, high, error, m + n, method="DeLong")


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _newcombe(value: float, m: int, n: int, quantile: float) -> tuple[float, float]:
    """Where (value - t)^2 = quantile^2 V(t); V of Hanley and McNeil with both samples of the same, middle size."""
    middle = (m + n) / 2 - 1

    def off(t: float) -> float:
        variance = t * (1 - t) * (1 + middle * ((1 - t) / (2 - t) + t / (1 + t))) / (m * n)
        return (value - t) ** 2 - quantile**2 * variance

    # At 0 and 1 the variance is none and the ends themselves solve it: the search stays off them.
    edge = 1e-9
    low = 0.0 if value < 2 * edge else float(brentq(off, 0.0, min(value, 1 - edge)))
    high = 1.0 if value > 1 - 2 * edge else float(brentq(off, max(value, edge), 1.0))
    return low, high


def threshold(outside: Floats, rate: float) -> float:
    """The score above which at most this share of the documents outside lies."""
    place = math.floor(rate * len(outside) + 1e-9)  # so many may be above
    return float(np.sort(outside)[::-1][place])


def found_at(inside: Floats, outside: Floats, rate: float, *, level: float = LEVEL) -> Estimate:
    """The share of documents trained on above the `threshold` of this false positive rate, with an interval.

    The interval knows that the threshold itself is only estimated: it goes from the lower end of the share (Clopper
    and Pearson) at an order statistic of the documents outside that is surely strict enough, to the upper end at one
    that is surely mild enough, each at a quarter of what may go wrong. With few documents outside it says little.
    """
    m, n = len(inside), len(outside)
    if not m or not n:
        return Estimate(NAN, NAN, NAN, NAN, m, method="order statistics")
    above = int((inside > threshold(outside, rate)).sum())
    alpha = (1 - level) / 4
    ranked = np.sort(outside)[::-1]
    # Of the j-th highest score outside, the true rate above it has the law Beta(j, n + 1 - j).
    j = np.arange(1, n + 1)
    sure = betainc(j, n + 1 - j, rate)
    strict = int((sure >= 1 - alpha).sum())  # falls with j
    mild = int((sure > alpha).sum())  # the first that is mild enough comes after these
    low = 0.0 if strict == 0 else _ends(int((inside > ranked[strict - 1]).sum()), m, alpha)[0]
    high = 1.0 if mild == n else _ends(int((inside > ranked[mild]).sum()), m, alpha)[1]
    value = above / m
    error = math.sqrt(value * (1 - value) / m)
    return Estimate(value, min(low, value), max(high, value), error, m, method="order statistics")


def _ends(count: int, n: int, alpha: float) -> tuple[float, float]:
    """Clopper and Pearson's ends of a share, each at `alpha`."""
    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, alpha))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - alpha))
    return low, high
