"""Two models on the same texts, where the number is a ratio of sums: losses a word or a byte."""

from __future__ import annotations

import math
from dataclasses import replace

from scipy.special import stdtr, stdtrit  # type: ignore[import-untyped, unused-ignore]

from evalkit.statistics.intervals import LEVEL, NAN, Clusters, Floats, ratio, t_quantile
from evalkit.statistics.paired import POWER, Difference

_ROUNDING = 1e-12  # of the difference: an error below it is what sums are off by


def compare_ratios(a: Floats, b: Floats, sizes: Floats, clusters: Clusters = None) -> Difference:
    """sum b / sum sizes less sum a / sum sizes, which is the ratio of the texts' differences to their sizes.

    a, b: of each text, for both models; sizes: of each text, the same for both. Interval and error are those of
    `ratio`, so long texts count for what they are. p is Student's with one degree of freedom less than texts, for a
    difference counted in what the 95 % interval is wide on the side of 0: it is below 5 % where the interval leaves 0
    out, and nowhere else. The interval for a tie is as much narrower as Student's would be. Where all texts differ by
    the same a unit, nothing varies by which an error could be told: there is no p, and no interval.
    """
    estimate = ratio(b - a, sizes, clusters)
    total = float(sizes.sum())
    means = (float(a.sum()) / total, float(b.sum()) / total) if total > 0 else (NAN, NAN)
    gained, lost = int((b > a).sum()), int((b < a).sum())
    freedom = (estimate.n if estimate.clusters is None else estimate.clusters) - 1
    value, error = estimate.value, estimate.error
    if value and error <= _ROUNDING * abs(value):
        estimate = replace(estimate, low=NAN, high=NAN, error=NAN)
    if freedom < 1 or math.isnan(estimate.error) or math.isnan(estimate.low):
        return Difference(*means, estimate, NAN, gained, lost, NAN, (NAN, NAN))
    usual = t_quantile(LEVEL, freedom)
    half = value - estimate.low if value > 0 else estimate.high - value
    p = float(2 * stdtr(freedom, -usual * abs(value) / half)) if value else 1.0
    detectable = (usual + float(stdtrit(freedom, POWER))) * error
    share = t_quantile(1 - 2 * (1 - LEVEL), freedom) / usual
    tied = (value - share * (value - estimate.low), value + share * (estimate.high - value))
    return Difference(*means, estimate, p, gained, lost, detectable, tied)
