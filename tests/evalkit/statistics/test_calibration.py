"""Confidence against what was right."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.statistics.calibration import calibration, probabilities


def test_probabilities_of_choices_add_up_however_small() -> None:
    assert probabilities([-1000.0, -1000.0]).tolist() == [0.5, 0.5]


def test_the_error_is_the_distance_of_bins_weighted_by_items() -> None:
    found = calibration([0.15, 0.15, 0.85, 0.95], [0, 1, 1, 1], bins=10)
    assert found.error.value == pytest.approx((2 * 0.35 + 0.15 + 0.05) / 4)
    assert [(b.low, b.high, b.right.n) for b in found.bins] == [(0.1, 0.2, 2), (0.8, 0.9, 1), (0.9, 1.0, 1)]
    assert found.bins[0].confidence == pytest.approx(0.15)
    assert found.bins[0].right.value == 0.5


def test_a_sure_model_that_is_half_wrong() -> None:
    found = calibration([1.0] * 100, [0.0, 1.0] * 50)
    assert found.error.value == 0.5
    assert found.error.low < 0.45 < 0.55 < found.error.high
    assert calibration([1.0] * 100, [0.0, 1.0] * 50) == found


def test_clusters_are_drawn_whole() -> None:
    p, hit, names = np.full(40, 0.5), np.repeat([0.0, 1.0], 20), np.arange(40) // 10
    alone, clustered = calibration(p, hit), calibration(p, hit, names)
    assert alone.error.value == clustered.error.value == 0.0
    assert clustered.error.high > alone.error.high


def test_nothing_has_no_calibration() -> None:
    assert calibration([], []).bins == []
