"""Means, ratios of sums and averages of tasks, each with its standard error and an interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit  # type: ignore[import-untyped, unused-ignore]

from evalkit.statistics.bootstrap import studentised

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Clusters = Sequence[Hashable] | npt.NDArray[Any] | None
LEVEL = 0.95
NAN = math.nan
FEWEST = 8  # below, draws with replacement are too often the same few documents
DRAWS = 1999
FEW = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with what is not known about it; NaN where the data say nothing.

    value: the estimate. low, high: its interval (95 % unless said otherwise). error: its standard error. n: items.
    clusters: groups of items that depend on each other (None: every item for itself). method: of the interval.
    """

    value: float
    low: float
    high: float
    error: float
    n: int
    clusters: int | None = None
    method: str = "none"

    def through(self, function: Callable[[float], float], slope: float) -> Estimate:
        """The estimate of a monotone function of the value, whose derivative there is `slope` (delta method)."""
        ends = sorted((function(self.low), function(self.high)))
        return replace(self, value=function(self.value), low=ends[0], high=ends[1], error=abs(slope) * self.error)

    def scaled(self, factor: float) -> Estimate:
        """The estimate of a multiple of the value, for another unit."""
        return self.through(lambda value: factor * value, factor)


def t_quantile(level: float, freedom: float) -> float:
    """How many standard errors an interval of `level` reaches to each side, at so many degrees of freedom."""
    return float(stdtrit(freedom, (1 + level) / 2)) if math.isfinite(freedom) else float(ndtri((1 + level) / 2))


def mean(
    values: Sequence[float] | Floats, clusters: Clusters = None, *, bounded: bool | None = None, level: float = LEVEL
) -> Estimate:
    """The mean of items, with its standard error and an interval.

    clusters: one name an item; items of one name (questions on one passage) may depend on each other in any way.
    bounded: whether a score lies between 0 and 1 by its nature; None: where every value is 0 or 1.

    The standard error is s / sqrt(n) with n - 1 below s, as lm-eval's; clustered it is inspect's
    sqrt(C / (C - 1) * sum_c (sum_{i in c} (x_i - mean))^2) / n (Miller, arXiv 2411.00640, equation 4). The interval is

    - of independent zeros and ones: Wilson's;
    - of another bounded score, where fewer than ten units (items, or clusters) are above 0, or fewer than ten below 1:
      Wilson's with one zero or one a unit, since so few say little of how much units differ;
    - else that of `ratio`, within the bounds.

    One cluster, or one item of unbounded score, has no interval.
    """
    x = np.asarray(values, dtype=np.float64)
    names = cluster_numbers(clusters, len(x))
    if not len(x):
        return Estimate(NAN, NAN, NAN, NAN, 0, None if names is None else 0)
    assert np.isfinite(x).all(), "unscored items have to be left out, and counted"
    binary = bool(((x == 0) | (x == 1)).all())
    if not (binary if bounded is None else bounded):
        return ratio(x, np.ones(len(x)), clusters, level=level)
    assert x.min() >= 0 and x.max() <= 1, "a bounded score lies between 0 and 1"
    value = float(x.mean())
    if names is None:
        units, number, error = x, None, standard_error(x - value, None, len(x))
    else:
        units = np.bincount(names, weights=x) / np.bincount(names)
        number, error = len(units), standard_error(x - value, names, len(x))
    if binary and number is None:
        low, high = wilson(value, len(x), t_quantile(level, math.inf))
        return Estimate(value, low, high, error, len(x), number, "wilson")
    if len(units) > 1 and min((units > 0).sum(), (units < 1).sum()) < min(FEW, len(units)):
        low, high = wilson(value, len(units), t_quantile(level, len(units) - 1))
        return Estimate(value, low, high, error, len(x), number, "wilson")
    found = ratio(x, np.ones(len(x)), clusters, level=level)
    return replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0)) if len(units) > 1 else found


def wilson(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval of a share of `n`: (low, high). Wilson, JASA 22 (1927), 209-212."""
    square = quantile**2 / n
    middle = (share + square / 2) / (1 + square)
    half = quantile / (1 + square) * math.sqrt(share * (1 - share) / n + square / (4 * n))
    # Where all are wrong or all are right the end is known, but rounding misses it.
    return (0.0 if share == 0 else middle - half), (1.0 if share == 1 else middle + half)


def cluster_numbers(clusters: Clusters, n: int) -> Ints | None:
    """0 .. C - 1 for each item, or None where every item stands alone. Raises ValueError for a wrong number."""
    if clusters is None:
        return None
    if len(clusters) != n:
        raise ValueError(f"{n} items have {len(clusters)} cluster names")
    seen: dict[Hashable, int] = {}
    numbers = np.array([seen.setdefault(name, len(seen)) for name in clusters], dtype=np.int64)
    return None if len(seen) == n else numbers


def standard_error(residuals: Floats, clusters: Ints | None, total: float) -> float:
    """Of a sum of items divided by `total`, from what each item is off (its influence); NaN below two clusters."""
    sums = residuals if clusters is None else np.bincount(clusters, weights=residuals)
    groups = len(sums)
    if groups < 2:
        return NAN
    return math.sqrt(groups / (groups - 1) * float(np.square(sums).sum())) / total


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
    follows the skewness that documents of very different lengths bring, but at no side less than Student's; of fewer
    than 8 documents it is Student's. Both count in errors of the jackknife, in which each e_c is divided by
    1 - y_c / sum y: a document that makes up much of the sum draws the ratio to itself, and hides how far it is off.
    One document alone has no interval. Denominators are not negative, nor all 0.
    """
    x, y = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    assert len(x) == len(y) and np.isfinite(x).all() and np.isfinite(y).all() and (y >= 0).all()
    names = cluster_numbers(clusters, len(x))
    number = None if names is None else int(names.max(initial=-1)) + 1
    total = float(y.sum())
    if total <= 0:
        return Estimate(NAN, NAN, NAN, NAN, len(x), number)
    value = float(x.sum()) / total
    e: Floats = x - value * y
    if names is not None:
        e, y = _summed(e, names), _summed(y, names)
    error = standard_error(e, None, total)
    if len(e) < 2 or y.max() >= total:
        return Estimate(value, NAN, NAN, NAN, len(x), number)
    left = 1 - y / total
    width = (1 - 1 / len(e)) * standard_error(e / left, None, total)
    most = t_quantile(level, len(e) - 1)
    least, method = -most, "t"
    if len(e) >= FEWEST and width > 0:
        drawn = np.quantile(studentised(e, y, draws, seed), [(1 + level) / 2, (1 - level) / 2])
        most, least, method = max(most, float(drawn[0])), min(least, float(drawn[1])), "bootstrap t"
    return Estimate(value, value - most * width, value - least * width, error, len(x), number, method)


def _summed(values: Floats, names: Ints) -> Floats:
    return np.bincount(names, weights=values).astype(np.float64)


def perplexity(losses: Estimate) -> Estimate:
    """exp of a loss in nats a token, word or byte."""
    return losses.through(_exp, _exp(losses.value))


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:  # a script without blanks is one word to whoever counts words by blanks
        return math.inf


def bits(losses: Estimate) -> Estimate:
    """Nats as bits."""
    return losses.scaled(1 / math.log(2))


def grouped(estimates: Sequence[Estimate], *, by: str = "items", level: float = LEVEL) -> Estimate:
    """The average of tasks: `by` their `items` (micro), or each `tasks` the same (macro).

    The tasks are taken as they are, not as drawn from all tasks there could be: the error is that of a weighted sum
    of independent means, sqrt(sum w_i^2 se_i^2), with Welch and Satterthwaite's degrees of freedom, and Wilson's
    interval where all tasks have it. A task of one item has no error of its own, so neither has its group. Harnesses
    that average the errors, or pool them for a macro average, give other numbers.
    """
    assert by in ("items", "tasks")
    if not estimates:
        return Estimate(NAN, NAN, NAN, NAN, 0, None)
    sizes = np.array([one.n for one in estimates], dtype=np.float64)
    weights = sizes / sizes.sum() if by == "items" else np.full(len(sizes), 1 / len(sizes))
    value = float(weights @ np.array([one.value for one in estimates]))
    parts = np.square(weights * np.array([one.error for one in estimates]))
    clusters = None
    if any(one.clusters is not None for one in estimates):
        clusters = sum(one.n if one.clusters is None else one.clusters for one in estimates)
    variance = float(parts.sum())
    freedoms = np.array([(one.n if one.clusters is None else one.clusters) - 1 for one in estimates], dtype=np.float64)
    held = parts > 0
    freedom = variance**2 / float((parts[held] ** 2 / freedoms[held]).sum()) if variance > 0 else math.inf
    error, quantile = math.sqrt(variance), t_quantile(level, freedom)
    low, high = value - quantile * error, value + quantile * error
    if all(one.method == "wilson" for one in estimates) and error >= 0:
        # As many independent zeros and ones as would have this error (Korn and Graubard, Surv. Methodol. 24, 1998).
        like = value * (1 - value) / variance if variance > 0 else 1 / float((weights**2 / (freedoms + 1)).sum())
        low, high = wilson(value, like, quantile)
    return Estimate(value, low, high, error, int(sizes.sum()), clusters, f"over {by}")


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """The chance that one of `k` answers is right, where `correct` of `samples` were; without bias.

    1 - C(n - c, k) / C(n, k), as a product (Chen et al., arXiv 2107.03374, equation 1). `k` is at most `samples`.
    """
    assert 0 <= correct <= samples and 1 <= k <= samples
    if samples - correct < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(samples - correct + 1, samples + 1))
