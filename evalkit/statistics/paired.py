"""Two models on the same items: the difference, which items tell them apart, and a verdict in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, ndtri, stdtr, stdtrit  # type: ignore[import-untyped, unused-ignore]

from evalkit.statistics.intervals import (
    LEVEL,
    NAN,
    Clusters,
    Estimate,
    Floats,
    cluster_numbers,
    standard_error,
    t_quantile,
)

POWER = 0.8


@dataclass(frozen=True, slots=True)
class Difference:
    """B against A on the items that both have.

    a, b: their means. estimate: of b - a. p: two-sided, of no difference. gained, lost: items that B has higher and
    lower. detectable: the least true difference that so many such items would show with a power of 80 % at 5 %.
    equivalent: the interval that decides whether both are tied (90 %, for two one-sided tests at 5 %).
    """

    a: float
    b: float
    estimate: Estimate
    p: float
    gained: int
    lost: int
    detectable: float
    equivalent: tuple[float, float]

    @property
    def same(self) -> int:
        """Items on which both have the same score."""
        return self.estimate.n - self.gained - self.lost

    def items_for(self, effect: float) -> int:
        """How many such items would show a true difference of `effect` with a power of 80 %."""
        groups = self.estimate.clusters or self.estimate.n
        scale = self.estimate.n / groups
        return math.ceil(max(groups * (self.detectable / effect) ** 2, 2) * scale)


def compare(
    a: Sequence[float] | Floats, b: Sequence[float] | Floats, clusters: Clusters = None, *, bounded: bool = False
) -> Difference:
    """Paired scores of two models, item by item; `clusters` as in `mean`.

    The standard error is that of the mean of the differences, clustered in the same way (Miller, arXiv 2411.00640,
    section 4). For independent items scored 0 or 1 the interval is Bonett and Price's (J. Educ. Behav. Stat. 37, 2012),
    which is not empty where no item flipped, and p is McNemar's mid-p (Fagerland et al., BMC Med. Res. Methodol. 13,
    2013); else both are Student's. `bounded` scores that are all equal, and items in clusters that all flipped the same
    way, take Bonett and Price's too, over clusters: nothing varies there by which an error could be told.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    assert x.shape == y.shape and np.isfinite(x).all() and np.isfinite(y).all()
    names = cluster_numbers(clusters, len(x))
    if not len(x):
        return Difference(NAN, NAN, Estimate(NAN, NAN, NAN, NAN, 0, None), NAN, 0, 0, NAN, (NAN, NAN))
    off = y - x
    value, groups = float(off.mean()), len(x) if names is None else int(names.max()) + 1
    number = None if names is None else groups
    gained, lost = int((off > 0).sum()), int((off < 0).sum())
    binary = bool(np.isin(x, (0, 1)).all() and np.isin(y, (0, 1)).all())
    error = standard_error(off - value, names, len(x))
    if groups < 2:
        estimate, p, wide, spread, freedom = Estimate(value, NAN, NAN, NAN, len(x), number), NAN, NAN, NAN, 1.0
        middle = value
    elif (binary and names is None) or (gained + lost == 0 and (binary or bounded)) or (binary and abs(value) == 1):
        up, down = (gained, lost) if names is None else (groups * (value > 0), groups * (value < 0))
        middle, spread = bonett_price(up, down, groups)
        freedom, wide = math.inf, t_quantile(LEVEL, math.inf) * spread
        p = mcnemar(up, down)
        low, high = max(middle - wide, -1.0), min(middle + wide, 1.0)
        estimate = Estimate(value, low, high, error, len(x), number, "Bonett-Price")
    else:
        middle, spread, freedom = value, error, groups - 1
        wide = t_quantile(LEVEL, freedom) * error
        p = float(2 * stdtr(freedom, -abs(value) / error)) if error > 0 else 1.0 if value == 0 else 0.0
        estimate = Estimate(value, value - wide, value + wide, error, len(x), number, "paired t")
    power = float(ndtri(POWER) if math.isinf(freedom) else stdtrit(freedom, POWER))
    detectable = (t_quantile(LEVEL, freedom) + power) * spread
    tied = t_quantile(1 - 2 * (1 - LEVEL), freedom) * spread
    means = float(x.mean()), float(y.mean())
    return Difference(*means, estimate, p, gained, lost, detectable, (middle - tied, middle + tied))


def bonett_price(gained: int, lost: int, n: int) -> tuple[float, float]:
    """Middle and standard error of the interval of a difference of two paired shares: one more flip each way."""
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    return up - down, math.sqrt((up + down - (up - down) ** 2) / (n + 2))


def mcnemar(gained: int, lost: int) -> float:
    """The two-sided mid-p of so many flips each way, were both as likely."""
    n, few = gained + lost, min(gained, lost)
    return float(bdtr(few, n, 0.5) + (bdtr(few - 1, n, 0.5) if few else 0.0))


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted for so many tests at once (Holm, Scand. J. Stat. 6, 1979); NaN stays, and is no test."""
    known = sorted((value, place) for place, value in enumerate(p) if not math.isnan(value))
    adjusted, most = list(p), 0.0
    for rank, (value, place) in enumerate(known):
        most = max(most, min(1.0, (len(known) - rank) * value))
        adjusted[place] = most
    return adjusted


@dataclass(frozen=True, slots=True)
class Verdict:
    """kind: `a`, `b` (the better one), `tied`, `underpowered`, `none`, `unknown`. words: a sentence."""

    kind: str
    words: str


def verdict(
    found: Difference,
    p: float,
    *,
    within: float | None = None,
    lower_is_better: bool = False,
    names: tuple[str, str] = ("A", "B"),
    say: str = "{:.3g}",
) -> Verdict:
    """What may be said of two models.

    p: adjusted for the tests made together. within: differences up to this do not matter. say: how a difference is
    written. A tie is claimed only where the 90 % interval lies within it (two one-sided tests, Schuirmann 1987).
    """
    value = found.estimate.value
    if math.isnan(p):
        return Verdict("unknown", "too few items to say anything")
    low, high = found.equivalent
    tied = within is not None and -within < low and high < within
    if p < 1 - LEVEL:
        better = int((value > 0) != lower_is_better)
        words = f"{names[better]} better by {say.format(abs(value))}"
        return Verdict("ab"[better], f"{words}, which is within {say.format(within)}" if tied else words)
    if tied:
        return Verdict("tied", f"tied within {say.format(within)}")
    if within is not None and found.detectable > within:
        return Verdict(
            "underpowered", f"under-powered: {say.format(within)} needs about {found.items_for(within):,} items"
        )
    return Verdict("none", "no evidence of difference")
