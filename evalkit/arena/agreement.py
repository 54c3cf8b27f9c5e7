"""How far raters agree beyond chance: Krippendorff's alpha, Cohen's kappa, and a judge against people."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.statistics.bootstrap import resample

Floats = npt.NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]


class Agreement(NamedTuple):
    """A coefficient with its 95 % interval (items drawn with replacement, seeded) and the number of items."""

    value: float
    low: float
    high: float
    n: int


def krippendorff(ratings: Floats, level: Level = "nominal") -> float:
    """Alpha of ratings [items, raters], NaN where a rater has none (Krippendorff 2011, computing alpha).

    1 is perfect, 0 what chance would give. Items with fewer than two ratings say nothing. NaN where no item has two,
    or where only one value occurs.
    """
    paired = ratings[np.isfinite(ratings).sum(1) >= 2]
    values = np.unique(paired[np.isfinite(paired)])
    if len(values) < 2:
        return math.nan
    counts = np.stack([(paired == value).sum(1) for value in values], 1).astype(np.float64)
    each = counts.sum(1)
    within = np.einsum("ia,ib,i->ab", counts, counts, 1 / (each - 1)) - np.diag((counts / (each - 1)[:, None]).sum(0))
    totals = counts.sum(0)
    chance = (np.outer(totals, totals) - np.diag(totals)) / (totals.sum() - 1)
    distance = _distance(values, totals, level)
    return 1 - float((within * distance).sum() / (chance * distance).sum())


def _distance(values: Floats, totals: Floats, level: Level) -> Floats:
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "interval":
        return (values[:, None] - values[None]) ** 2
    middle = np.cumsum(totals) - totals / 2  # the sum over the ranks between two values, half of either end
    return (middle[:, None] - middle[None]) ** 2


def cohen(first: Sequence[object], second: Sequence[object]) -> float:
    """Kappa of two raters on the same items (Cohen 1960); NaN where both only ever say one and the same thing."""
    names = sorted({*map(str, first), *map(str, second)})
    place = {name: number for number, name in enumerate(names)}
    table = np.zeros((len(names), len(names)))
    np.add.at(table, ([place[str(x)] for x in first], [place[str(x)] for x in second]), 1)
    if table.sum() == 0:
        return math.nan
    table /= table.sum()
    chance = float(table.sum(1) @ table.sum(0))
    return math.nan if chance == 1 else (float(np.trace(table)) - chance) / (1 - chance)


def with_interval(
    statistic: Callable[[npt.NDArray[np.int64]], float], n: int, *, draws: int = 1000, seed: int = 0
) -> Agreement:
    """`statistic` of items given by their numbers: of all, and its 2.5 and 97.5 % quantiles over resampled items."""
    value = statistic(np.arange(n))
    again = np.array([statistic(resample(n, number, seed)) for number in range(draws)]) if n > 1 else np.array([])
    again = again[np.isfinite(again)]
    low, high = np.quantile(again, (0.025, 0.975)) if len(again) > 1 else (math.nan, math.nan)
    return Agreement(value, float(low), float(high), n)
