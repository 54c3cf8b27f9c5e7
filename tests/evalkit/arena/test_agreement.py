"""Agreement: published examples, chance and perfection."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.arena.agreement import cohen, krippendorff, with_interval

N = math.nan
# Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), example C: four observers, twelve units.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
).T


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_example(level: str, alpha: float) -> None:
    assert round(krippendorff(PUBLISHED, level), 3) == alpha  # type: ignore[arg-type]


def test_the_edges_of_alpha() -> None:
    assert krippendorff(np.array([[1.0, 1.0], [2.0, 2.0]])) == 1
    assert math.isnan(krippendorff(np.array([[1.0, 1.0], [1.0, 1.0]])))
    assert math.isnan(krippendorff(np.array([[1.0, N], [2.0, N]])))


def test_cohens_kappa() -> None:
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen(first, second) == pytest.approx(0.4)
    assert math.isnan(cohen(["a"], ["a"])) and math.isnan(cohen([], []))


def test_an_interval_is_seeded() -> None:
    first, second = np.arange(60) % 2, (np.arange(60) % 6 > 2).astype(int)
    kappa = with_interval(lambda rows: cohen(first[rows].tolist(), second[rows].tolist()), 60, draws=200)
    assert kappa == with_interval(lambda rows: cohen(first[rows].tolist(), second[rows].tolist()), 60, draws=200)
    assert kappa.low < kappa.value < kappa.high and kappa.n == 60
