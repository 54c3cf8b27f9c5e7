"""Differences item by item, and what is said of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.statistics.intervals import mean
from evalkit.statistics.paired import bonett_price, compare, holm, mcnemar, verdict


def scores(both: int, gained: int, lost: int, neither: int) -> tuple[list[float], list[float]]:
    a = [1.0] * both + [0.0] * gained + [1.0] * lost + [0.0] * neither
    b = [1.0] * both + [1.0] * gained + [0.0] * lost + [0.0] * neither
    return a, b


def test_mcnemars_mid_p_of_a_known_table() -> None:
    # Fagerland et al., BMC Med. Res. Methodol. 13 (2013): airway hyper-responsiveness of 21 children
    assert mcnemar(1, 7) == pytest.approx(0.039, abs=5e-4)
    assert mcnemar(7, 1) == mcnemar(1, 7)
    assert mcnemar(0, 0) == mcnemar(4, 4) == pytest.approx(1.0)


def test_the_interval_of_the_same_table() -> None:
    middle, error = bonett_price(1, 7, 21)
    low, high = middle - 1.959964 * error, middle + 1.959964 * error
    # Fagerland, Lydersen and Laake, Stat. Med. 33 (2014), of the same table
    assert (low, high) == pytest.approx((-0.508, -0.013), abs=1e-3)


def test_a_difference_is_counted_in_flips() -> None:
    found = compare(*scores(50, 12, 3, 35))
    assert (found.a, found.b, found.gained, found.lost, found.same) == (0.53, 0.62, 12, 3, 85)
    assert found.estimate.value == pytest.approx(0.09)
    assert found.estimate.method == "Bonett-Price"
    assert found.p == mcnemar(12, 3) < 0.05


def test_no_flip_is_not_certain() -> None:
    found = compare(*scores(50, 0, 0, 50))
    assert found.p == 1.0
    assert -0.05 < found.estimate.low < 0 < found.estimate.high < 0.05


def test_scores_that_are_no_zeros_and_ones_are_compared_by_t() -> None:
    a, b = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.5, 2.1, 3.9, 4.3])
    found = compare(a, b)
    expected = mean(b - a, bounded=False)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((expected.low, expected.high))
    assert found.p == pytest.approx(0.0779943264302261, rel=1e-9)  # scipy.stats.ttest_rel


def test_clusters_count_for_the_difference() -> None:
    a, b = scores(20, 20, 10, 10)
    names = [i // 5 for i in range(60)]
    found = compare(a, b, names)
    expected = mean(np.array(b) - np.array(a), names)
    assert found.estimate.error == expected.error
    assert (found.estimate.clusters, found.estimate.method) == (12, "paired t")


def test_the_same_bounded_scores_in_clusters_are_not_certainly_the_same_models() -> None:
    found = compare([0.5] * 20, [0.5] * 20, [i // 2 for i in range(20)], bounded=True)
    assert found.estimate.high == pytest.approx(1.959964 * bonett_price(0, 0, 10)[1])


def test_what_can_be_detected_needs_as_many_items() -> None:
    found = compare(*scores(500, 30, 30, 440))
    assert found.items_for(found.detectable) == pytest.approx(1000, abs=1)
    assert found.items_for(found.detectable / 2) == pytest.approx(4000, abs=1)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    found = holm([0.02, math.nan, 0.9])
    assert found[0] == pytest.approx(0.04) and math.isnan(found[1]) and found[2] == 0.9


@pytest.mark.parametrize(
    ("counts", "within", "kind", "words"),
    [
        ((500, 60, 20, 420), None, "b", "B better by 0.04"),
        ((500, 20, 60, 420), None, "a", "A better by 0.04"),
        ((500, 30, 28, 442), None, "none", "no evidence of difference"),
        ((5000, 30, 28, 4942), 0.01, "tied", "tied within 0.01"),
        ((50, 6, 4, 40), 0.01, "underpowered", "under-powered: 0.01 needs about "),
        ((5000, 60, 20, 4920), 0.01, "b", "B better by 0.004, which is within 0.01"),
    ],
)
def test_verdicts_in_words(counts: tuple[int, int, int, int], within: float | None, kind: str, words: str) -> None:
    found = compare(*scores(*counts))
    said = verdict(found, found.p, within=within)
    assert said.kind == kind
    assert said.words.startswith(words)


def test_a_lower_loss_is_better() -> None:
    a = np.linspace(1.0, 2.0, 50)
    found = compare(a, a - 0.1 - 0.01 * np.sin(np.arange(50.0)))
    assert verdict(found, found.p, lower_is_better=True, names=("old", "new")).words.startswith("new better by 0.1")


def test_one_item_allows_no_verdict() -> None:
    found = compare([0.3], [0.4])
    assert verdict(found, found.p).kind == "unknown"
    assert verdict(compare([], []), math.nan).kind == "unknown"


def test_clusters_that_all_flipped_are_as_many_flips_as_there_are_clusters() -> None:
    found = compare([0.0] * 6, [1.0] * 6, ["x", "x", "x", "y", "y", "y"])
    alone = compare([0.0] * 2, [1.0] * 2)
    assert found.p == alone.p == mcnemar(2, 0) > 0.05
    assert (found.estimate.low, found.estimate.high) == (alone.estimate.low, alone.estimate.high)
    assert found.estimate.low < found.estimate.value == 1.0
    assert compare([1.0] * 6, [0.0] * 6, ["x", "x", "x", "y", "y", "y"]).estimate.high == -alone.estimate.low
