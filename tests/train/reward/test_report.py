"""What the report says of scores that are known."""

from __future__ import annotations

import numpy as np
import pytest

from train.reward.report import calibration, correlation, interval, measure, page, repetition


def test_calibration_is_exact_for_known_bins():
    chance = np.array([0.62, 0.64, 0.38, 0.97])
    found = calibration(chance, np.ones(4))
    (low,) = [each for each in found["bins"] if each["pairs"] == 3]
    assert (low["from"], low["to"]) == (0.6, 0.65)
    assert low["said"] == pytest.approx((0.62 + 0.64 + 0.62) / 3)
    assert low["right"] == pytest.approx(2 / 3)
    assert found["error"] == pytest.approx((3 * abs(low["said"] - 2 / 3) + 0.03) / 4)


def test_probabilities_that_are_true_have_no_calibration_error():
    chance = np.array([0.7, 0.7, 0.9, 0.5])
    assert calibration(chance, chance)["error"] == pytest.approx(0)


def test_wilsons_interval():
    assert interval(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert interval(1.0, 20)[1] == 1.0


def test_correlation_within_groups_does_not_see_differences_between_them():
    score, length = np.array([1.0, 2.0, 11.0, 12.0]), np.array([2.0, 1.0, 22.0, 21.0])
    assert correlation(score, length) > 0.9
    assert correlation(score, length, np.array([0, 0, 1, 1])) == pytest.approx(-1)
    assert correlation(score, np.ones(4)) is None


def test_repetition():
    assert repetition("a b c d e f") == 0
    assert repetition("a b c a b c") == pytest.approx(0.25)
    assert repetition("a b") == 0


def test_a_model_that_likes_length_is_told_so():
    lengths = np.array([5, 9, 8, 4, 3, 7])
    scores = lengths[:, None] / 10.0
    pairs = np.array([[1, 0], [3, 2], [4, 5]])
    found = measure(scores, pairs, np.ones(3), np.array([0, 0, 1, 1, 2, 2]), lengths, ["a b c"] * 6)
    assert found["accuracy"] == pytest.approx(1 / 3)
    length = found["length"]
    assert length["correlation_within_prompts"] == pytest.approx(1)
    assert (length["model_prefers_longer"], length["raters_prefer_longer"]) == (1.0, pytest.approx(1 / 3))
    assert (length["accuracy_longer_is_better"], length["accuracy_shorter_is_better"]) == (1.0, 0.0)
    text = page({"held_out": found, "doubled_wins": 0.5})
    assert "<svg" in text and "accuracy where the shorter is better" in text
