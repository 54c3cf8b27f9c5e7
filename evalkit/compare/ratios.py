"""Two models on the same texts, where the number is a ratio of sums: losses a word or a byte."""

from __future__ import annotations

import math

from scipy.special import stdtr, stdtrit  # type: ignore[import-untyped, unused-ignore]

from evalkit.statistics.intervals import LEVEL, NAN, Clusters, Floats, ratio, t_quantile
from evalkit.statistics.paired import POWER, Difference


def compare_ratios(a: Floats, b: Floats, sizes: Floats, clusters: Clusters = None) -> Difference:
    """sum b / sum sizes less sum a / sum sizes, which is the ratio of the texts' differences to their sizes.

    a, b: of each text, for both models; sizes: of each text, the same for both. Interval and error are those of
    `ratio`, so long texts count for what they are; p is Student's with one degree of freedom less than texts.
    """
    estimate = ratio(b - a, sizes, clusters)
    total = float(sizes.sum())
    means = (float(a.sum()) / total, float(b.sum()) / total) if total > 0 else (NAN, NAN)
    gained, lost = int((b > a).sum()), int((b < a).sum())
    freedom = (estimate.n if estimate.clusters is None else estimate.clusters) - 1
    error = estimate.error
    if freedom < 1 or math.isnan(error):
        return Difference(*means, estimate, NAN, gained, lost, NAN, (NAN, NAN))
    value = estimate.value
    p = float(2 * stdtr(freedom, -abs(value) / error)) if error > 0 else float(value == 0)
    detectable = (t_quantile(LEVEL, freedom) + float(stdtrit(freedom, POWER))) * error
    tied = t_quantile(1 - 2 * (1 - LEVEL), freedom) * error
    return Difference(*means, estimate, p, gained, lost, detectable, (value - tied, value + tied))
