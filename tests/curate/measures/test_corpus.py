"""Measures against the whole corpus."""

import math

import numpy as np
import pytest

from curate.measures import BUCKETS, Measurer, cross_entropy, length_rank, unigram_counts
from curate.segment import Segments

COMMON = "the cat and the dog and the bird sat on the mat"


def test_counts_add_up_over_batches(batch) -> None:
    one, two = Segments([COMMON, "a dog"]), Segments(["The DOG", ""])
    together = unigram_counts(Segments([COMMON, "a dog", "The DOG", ""]))
    assert together.dtype == np.uint32
    assert together.shape == (BUCKETS,)
    assert together.sum() == 12 + 2 + 2
    assert (unigram_counts(one) + unigram_counts(two) == together).all()
    assert (Measurer(installed={}).unigram_counts(batch([COMMON])) == unigram_counts(Segments([COMMON]))).all()


def test_cross_entropy_is_bits_per_word_under_the_smoothed_distribution() -> None:
    totals = unigram_counts(Segments(["a a a b"])).astype(np.uint64)
    whole = 4 + BUCKETS / 2
    expected = {
        "a": -math.log2(3.5 / whole),
        "b A": -(math.log2(1.5 / whole) + math.log2(3.5 / whole)) / 2,
        "c": -math.log2(0.5 / whole),
        "": 0.0,
    }
    assert cross_entropy(Segments(list(expected)), totals) == pytest.approx(list(expected.values()), rel=1e-12)


def test_unusual_words_cost_more_bits() -> None:
    totals = unigram_counts(Segments([COMMON] * 200))
    usual, unusual = cross_entropy(Segments(["the dog and the cat", "zyx wvu tsr qpo nml"]), totals)
    assert usual < unusual


def test_length_rank_is_the_mid_rank() -> None:
    same = np.array([10, 20, 20, 30])
    assert length_rank(np.array([5, 10, 20, 30, 99]), same).tolist() == [0.0, 0.125, 0.5, 0.875, 1.0]
    assert length_rank(np.array([7, 7]), np.array([7, 7, 7])).tolist() == [0.5, 0.5]
    assert length_rank(np.array([], dtype=int), np.array([], dtype=int)).tolist() == []
