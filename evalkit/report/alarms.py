"""When a watched number has fallen: a sequential test on the same items, with a false-alarm rate set in advance.

Every report asks, for each length up to `memory`, whether the last so many reports together are below all earlier ones
that were in order. Item by item the mean of the former less that of the latter is one number; a one-sided t-test on
these (clustered where items are) says how surprising their mean is. The questions of a whole horizon share
the false-alarm rate: the bounds are such that of series of equal reports this share has even one false alarm in the
horizon. Reports are pooled, so a drop too small for one report is seen after a few.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy.special import ndtr, stdtr, stdtrit

from evalkit.report.plan import Gates
from evalkit.statistics.intervals import Floats, Ints, cluster_numbers

Level = Literal["info", "warn", "error"]
_SERIES = 20_000  # of simulated reports: a rate of 5 % is met to within 0.2 %
_CARE = 0.8  # of the rate is used: means of right and wrong answers are only close to normal


@dataclass(frozen=True, slots=True)
class Signal:
    """What the test found most surprising. change: the mean change, below 0 for a drop. low, high: its 95 % interval.

    p: one-sided, of no drop. reports: how many of the last were taken together. threshold: p below it is an alarm.
    """

    change: float
    low: float
    high: float
    p: float
    reports: int
    threshold: float
    items: int

    def is_drop(self, least: float) -> bool:
        """Whether it is an alarm: surprising, and not smaller than `least`."""
        return self.p < self.threshold and self.change <= -least


def sequential(
    history: Sequence[Mapping[str, float]],
    gates: Gates,
    *,
    in_order: Sequence[bool] | None = None,
    clusters: Mapping[str, str] | None = None,
) -> Signal | None:
    """The test on a number's item scores in all reports, the newest last.

    in_order: reports that may stand for how it was (default: all but the newest); one that raised an alarm may not, or
    a drop that stays would soon be what is usual. None where there is nothing earlier, or no item in common.
    """
    usual = [True] * len(history) if in_order is None else list(in_order)
    thresholds = bounds(gates.false_alarms, gates.horizon, gates.memory)
    found: list[Signal] = []
    for last in range(1, min(gates.memory, len(history) - 1) + 1):
        late = history[-last:]
        early = [scores for scores, fine in zip(history[:-last], usual, strict=False) if fine]
        if not early:
            break
        signal = _test(early, late, thresholds[last - 1], clusters)
        if signal is not None:
            found.append(signal)
    return min(found, key=lambda one: (one.p / one.threshold, one.reports), default=None)


@cache
def bounds(false_alarms: float, horizon: int, memory: int) -> tuple[float, ...]:
    """p-values below which the last 1, 2 ... `memory` reports are an alarm.

    The longest window has most of the rate, because a drop that stays is in all its reports. Means of many items are
    close to normal, so the joint law of all questions of a horizon hangs on which reports each compares, and on nothing
    else: it is simulated (seeded), and the bounds are the windows' shares times what meets `_CARE` of the rate.
    """
    shares = np.array([*[0.4 / (memory - 1)] * (memory - 1), 0.6]) if memory > 1 else np.ones(1)
    reports = np.random.default_rng(0).standard_normal((_SERIES, horizon + 1))
    sums = np.concatenate([np.zeros((_SERIES, 1)), np.cumsum(reports, 1)], 1)
    least = np.full(_SERIES, np.inf)
    for now in range(2, horizon + 2):
        for last in range(1, min(memory, now - 1) + 1):
            early = now - last
            change = (sums[:, now] - sums[:, early]) / last - sums[:, early] / early
            np.minimum(least, ndtr(change / math.sqrt(1 / last + 1 / early)) / shares[last - 1], out=least)
    factor = float(np.quantile(least, _CARE * false_alarms))
    return tuple(float(factor * share) for share in shares)


def _test(
    early: Sequence[Mapping[str, float]],
    late: Sequence[Mapping[str, float]],
    threshold: float,
    clusters: Mapping[str, str] | None,
) -> Signal | None:
    items = sorted(set(early[0]).intersection(*early, *late))
    if not items:
        return None
    change = np.array([_mean(late, item) - _mean(early, item) for item in items])
    names = None if clusters is None else cluster_numbers([clusters.get(item, item) for item in items], len(items))
    mean, error, freedom = moments(change, names)
    if error == 0 or math.isnan(error):
        p = 0.5 if mean == 0 or math.isnan(error) else float(mean > 0)
        return Signal(mean, mean, mean, p, len(late), threshold, len(items))
    half = float(stdtrit(freedom, 0.975)) * error
    return Signal(mean, mean - half, mean + half, float(stdtr(freedom, mean / error)), len(late), threshold, len(items))


def _mean(reports: Sequence[Mapping[str, float]], item: str) -> float:
    return math.fsum(scores[item] for scores in reports) / len(reports)


def moments(change: Floats, clusters: Ints | None) -> tuple[float, float, int]:
    """The mean of changes, its standard error (by clusters), and the degrees of freedom."""
    mean = float(change.mean())
    sums = change - mean if clusters is None else np.bincount(clusters, weights=change - mean)
    groups = len(sums)
    if groups < 2:
        return mean, math.nan, 0
    return mean, math.sqrt(groups / (groups - 1) * float(sums @ sums)) / len(change), groups - 1


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person should hear of. about: which task."""

    level: Level
    about: str
    message: str
