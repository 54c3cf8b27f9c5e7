"""Means, shares, clusters and groups against numbers from the literature, from other harnesses, and by hand."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from evalkit.statistics.intervals import grouped, mean, pass_at_k, standard_error, t_quantile, wilson


def test_the_standard_error_hat_of_lm_eval() -> None:
    random.seed(1)
    assert mean([float(random.random() < 0.4) for _ in range(200)]).error == pytest.approx(
        0.03465370682892271, rel=1e-14
    )


def test_a_mean_has_students_interval() -> None:
    found = mean([1.0, 2.0, 4.0, 5.0])
    half = 3.182446305284263 * math.sqrt(10 / 3) / 2
    assert (found.value, found.method, found.n, found.clusters) == (3.0, "t", 4, None)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), rel=1e-12)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_zeros_and_ones_have_wilsons_interval(right: int, n: int, low: float, high: float) -> None:
    found = mean([1.0] * right + [0.0] * (n - right))
    assert found.method == "wilson"
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_zeros_and_ones_of_an_unbounded_score_may_be_told_so() -> None:
    assert mean([0.0, 1.0, 1.0], bounded=False).method == "t"


def test_all_right_is_not_certain() -> None:
    found = mean([1.0] * 10)
    assert (found.value, found.high, found.error) == (1.0, 1.0, 0.0)
    assert found.low == pytest.approx(0.7225, abs=1e-4)


def test_bounded_scores_stay_between_0_and_1() -> None:
    found = mean([0.0, 0.0, 0.1, 0.0, 0.05, 0.0], bounded=True)
    assert 0 < found.low < 0.025 < found.high < 1
    assert found.error == pytest.approx(0.017078251276599, rel=1e-9)
    assert found.method == "wilson"  # two items say little of how much items differ
    more = mean([0.0, 0.01] * 20, bounded=True)
    assert more.method == "bootstrap t" and 0 < more.low < 0.005 < more.high < 0.01
    assert mean([0.0] * 10 + [0.001] * 10 + [1.0], bounded=True).low == 0.0


def test_clusters_widen_as_the_formula_says() -> None:
    x, names = np.array([1.0, 3.0, 2.0, 6.0, 8.0]), ["a", "a", "b", "c", "c"]
    by_hand = math.sqrt(3 / 2 * ((1 - 4 + 3 - 4) ** 2 + (2 - 4) ** 2 + (6 - 4 + 8 - 4) ** 2)) / 5
    found = mean(x, names)
    assert (found.error, found.clusters, found.method) == (pytest.approx(by_hand), 3, "t")
    assert mean(x, ["a", "b", "c", "d", "d"]).high < found.high


def test_clusters_of_one_are_no_clusters() -> None:
    assert mean([1.0, 0.0, 1.0], ["a", "b", "c"]) == mean([1.0, 0.0, 1.0])


def test_clusters_that_are_all_right_count_as_items() -> None:
    found = mean([1.0] * 30, [i // 10 for i in range(30)])
    assert found.method == "wilson"
    assert found.low == wilson(1.0, 3, t_quantile(0.95, 2))[0]


def test_one_cluster_says_nothing_about_the_next() -> None:
    found = mean([1.0, 0.0, 1.0], ["a", "a", "a"])
    assert found.value == pytest.approx(2 / 3)
    assert math.isnan(found.low) and math.isnan(found.error)


def test_nothing_has_no_mean() -> None:
    found = mean([])
    assert math.isnan(found.value) and found.n == 0


def test_cluster_names_are_counted() -> None:
    with pytest.raises(ValueError, match="3 items have 2"):
        mean([1.0, 0.0, 1.0], ["a", "b"])


def test_a_group_by_items_he_mean_of_all() -> None:
    tasks = [mean([1.0, 2.0, 6.0]), mean([4.0, 5.0])]
    found = grouped(tasks)
    assert found.value == pytest.approx(18 / 5)
    assert found.error == pytest.approx(math.hypot(3 * tasks[0].error, 2 * tasks[1].error) / 5)


def test_a_group_by_tasks_weighs_them_the_same() -> None:
    tasks = [mean([1.0, 2.0, 6.0]), mean([4.0, 5.0])]
    found = grouped(tasks, by="tasks")
    assert found.value == pytest.approx((3 + 4.5) / 2)
    assert found.error == pytest.approx(math.hypot(tasks[0].error, tasks[1].error) / 2)


def test_a_group_of_like_tasks_is_like_one_task() -> None:
    found = grouped([mean([1.0] * 25 + [0.0] * 25)] * 4)
    one = mean([1.0] * 100 + [0.0] * 100)
    assert (found.low, found.high) == pytest.approx((one.low, one.high), abs=2e-3)


def test_a_group_in_which_all_is_right_is_not_certain() -> None:
    found = grouped([mean([1.0] * 10)] * 3)
    assert found.high == 1.0 and found.low == pytest.approx(mean([1.0] * 30).low)


def test_an_estimate_goes_through_a_function() -> None:
    found = mean([1.0, 2.0, 3.0])
    flipped = found.through(lambda x: -x, -1.0)
    assert (flipped.low, flipped.high, flipped.error) == (-found.high, -found.low, found.error)
    assert found.scaled(2.0).error == 2 * found.error


@pytest.mark.parametrize(("n", "c", "k"), [(10, 3, 1), (10, 3, 5), (20, 1, 20), (5, 0, 5), (5, 5, 1), (200, 7, 100)])
def test_pass_at_k_he_chance_of_a_draw_without_replacement(n: int, c: int, k: int) -> None:
    assert pass_at_k(n, c, k) == pytest.approx(1 - math.comb(n - c, k) / math.comb(n, k), abs=1e-12)


def test_one_unit_has_no_error() -> None:
    assert math.isnan(standard_error(np.array([0.5]), None, 1.0))
