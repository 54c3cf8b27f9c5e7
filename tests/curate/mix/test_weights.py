"""Budgets of groups: published numbers, and what must hold of any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.mix.weights import capped, curve, tempered, unimax

sizes = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any).map(lambda xs: np.array(xs, float))


def test_temperature_one_is_natural_and_zero_is_even() -> None:
    there = np.array([900.0, 90.0, 10.0, 0.0])
    assert tempered(there, 1.0) == pytest.approx([0.9, 0.09, 0.01, 0])
    assert tempered(there, 0.0) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    root = np.sqrt(there[:3])
    assert tempered(there, 0.5)[:3] == pytest.approx(root / root.sum())


def test_unimax_gives_the_numbers_of_another_implementation() -> None:
    # The example on the page of the package unimax-sampling.
    there = np.array([179955884499.0, 184595788282, 42541080893, 10027573389, 549707867])
    given = unimax(there, 250_000_000_000, 4)
    assert given == pytest.approx(
        [69230291658.66666, 69230291658.66666, 69230291658.66667, 40110293556, 2198831468], rel=1e-12
    )


def test_what_a_full_group_cannot_take_the_others_share() -> None:
    assert capped(np.array([0.5, 0.3, 0.2]), 100, np.array([20.0, 100, 100])) == pytest.approx([20, 48, 32])


def test_filling_one_group_may_fill_the_next() -> None:
    assert capped(np.array([0.5, 0.4, 0.1]), 100, np.array([10.0, 60, 100])) == pytest.approx([10, 60, 30])


@given(sizes, st.floats(0.01, 1), st.floats(0.5, 8), st.floats(0, 1))
def test_a_budget_is_spent_and_no_cap_is_passed(there: np.ndarray, part: float, epochs: float, tau: float) -> None:
    most = there * epochs
    budget = part * most.sum()
    for asked in (capped(tempered(there, tau), budget, most), unimax(there, budget, epochs)):
        assert asked.sum() == pytest.approx(budget)
        assert (asked <= most * (1 + 1e-9)).all()


@given(sizes, st.floats(0.01, 1), st.floats(0.5, 8))
def test_unimax_gives_a_larger_group_at_least_as_much(there: np.ndarray, part: float, epochs: float) -> None:
    asked = unimax(there, part * epochs * there.sum(), epochs)
    assert (np.diff(asked[np.argsort(there, kind="stable")]) >= -1e-6 * asked.max()).all()


def test_the_curve_is_nothing_below_the_bottom_and_rises() -> None:
    height = curve(20, 0.4, 1.0, 2.0)
    assert (height[:8] == 0).all()
    assert (np.diff(height[7:]) > 0).all()


def test_the_mean_of_the_curve_is_its_integral() -> None:
    assert curve(10, 0.0, 1.0, 0.0).mean() == pytest.approx(1 / 2)
    assert curve(7, 0.0, 0.0, 1.0).mean() == pytest.approx(np.e - 1)
    assert curve(4, 0.4, 2.0, 0.0).mean() == pytest.approx((1 - 0.4**3) / 3)
