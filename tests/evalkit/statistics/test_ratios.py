"""Loss a token or byte: the delta method by hand, the bootstrap the same everywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.statistics.bootstrap import resample, studentised
from evalkit.statistics.intervals import bits, perplexity, ratio

X = np.array([2.0, 9.0, 4.0, 7.0, 1.0, 30.0, 2.5, 3.0, 8.0, 5.0])
Y = np.array([1.0, 3.0, 2.0, 3.0, 1.0, 11.0, 1.0, 1.0, 4.0, 2.0])


def test_draws_are_the_same_on_every_machine() -> None:
    assert [resample(5, draw, 0).tolist() for draw in range(2)] == [[1, 1, 1, 2, 2], [0, 4, 1, 4, 3]]
    assert not (resample(1000, 0, 7) == resample(1000, 0, 8)).all()
    assert not (resample(1000, 0, 7) == resample(1000, 1, 7)).all()


def test_draws_take_every_place_as_often() -> None:
    counts = sum(np.bincount(resample(10, draw, 3), minlength=10) for draw in range(20_000))
    assert np.square(counts - 20_000).sum() / 20_000 < 27.9  # chi-square of 9 degrees of freedom at 0.1 %


def test_the_kernel_is_what_numpy_says_of_the_same_draws() -> None:
    e = X - X.sum() / Y.sum() * Y
    expected = []
    for draw in range(50):
        at = resample(10, draw, 4)
        x, y = X[at], Y[at]
        there = x.sum() / y.sum()
        error = math.sqrt(10 / 9 * np.square(x - there * y).sum()) / y.sum()
        expected.append((there - X.sum() / Y.sum()) / error)
    assert studentised(e, Y, 50, 4) == pytest.approx(sorted(expected), rel=1e-9)


def test_a_ratio_has_the_error_of_the_delta_method() -> None:
    value = X.sum() / Y.sum()
    found = ratio(X, Y)
    assert found.value == value
    assert found.error == pytest.approx(math.sqrt(10 / 9 * np.square(X - value * Y).sum()) / Y.sum(), rel=1e-12)
    assert found.method == "bootstrap t" and found.low < value < found.high
    assert ratio(X, Y) == found
    assert ratio(X, Y, seed=1) != found


def test_the_interval_counts_in_errors_of_the_jackknife() -> None:
    x, y = X[:6], Y[:6]
    without = np.array([(x.sum() - x[i]) / (y.sum() - y[i]) for i in range(6)])
    jackknife = math.sqrt(5 / 6 * np.square(without - x.sum() / y.sum()).sum())
    found = ratio(x, y)
    assert found.method == "t"
    assert found.high - found.value == pytest.approx(2.5705818356363 * jackknife, rel=1e-9)


def test_a_document_that_is_the_whole_sum_has_no_interval() -> None:
    found = ratio([3.0, 0.0, 0.0], [2.0, 0.0, 0.0])
    assert found.value == 1.5 and math.isnan(found.high)


def test_clusters_are_summed_first() -> None:
    names = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    found, summed = ratio(X, Y, names), ratio(X.reshape(5, 2).sum(1), Y.reshape(5, 2).sum(1))
    assert (found.value, found.low, found.high, found.error) == (summed.value, summed.low, summed.high, summed.error)
    assert (found.n, found.clusters, found.method) == (10, 5, "t")


def test_one_document_has_a_value_and_no_interval() -> None:
    found = ratio([3.0], [2.0])
    assert found.value == 1.5 and math.isnan(found.low)
    assert math.isnan(ratio([], []).value)


def test_documents_of_one_loss_have_a_perfect_interval() -> None:
    found = ratio(2 * Y, Y)
    assert (found.low, found.high, found.error) == (2.0, 2.0, 0.0)


def test_a_perplexity_no_float_holds_is_infinite() -> None:
    assert perplexity(ratio([8000.0, 9000.0], [1.0, 1.0])).value == math.inf


def test_perplexity_and_bits_are_functions_of_the_loss() -> None:
    loss = ratio(X, Y)
    assert perplexity(loss).value == math.exp(loss.value)
    assert perplexity(loss).high == math.exp(loss.high)
    assert perplexity(loss).error == math.exp(loss.value) * loss.error
    assert bits(loss).value == loss.value / math.log(2)


def test_a_sum_of_equal_denominators_is_a_mean() -> None:
    found = ratio(X, np.ones(10))
    assert found.error == pytest.approx(X.std(ddof=1) / math.sqrt(10))
