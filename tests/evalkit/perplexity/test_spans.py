"""The hardest stretch of a text."""

from __future__ import annotations

import numpy as np

from evalkit.perplexity.spans import SHOWN, Span, hardest

TEXT = "one two xq!zt nine"
STARTS = np.array([0, 4, 8, 10, 11, 13])


def test_it_is_where_losses_are_far_above_their_mean() -> None:
    assert hardest(TEXT, np.array([1.0, 1.0, 6.0, 7.0, 6.5, 1.0]), STARTS) == Span(10, 11, 1, 7.0, "!")
    assert hardest(TEXT, np.array([1.0, 1.0, 9.0, 1.0, 1.0, 1.0]), STARTS) == Span(8, 10, 1, 9.0, "xq")


def test_neighbours_that_are_hard_are_one_stretch() -> None:
    losses = np.array([1.0] * 20 + [8.0, 9.0, 8.0] + [1.0] * 20)
    starts = np.arange(43) * 2
    assert hardest("ab" * 43, losses, starts) == Span(40, 46, 3, 25.0, "ababab")


def test_a_character_of_several_tokens_is_in_it_whole() -> None:
    assert hardest("ab字cd", np.array([0.1, 0.1, 9.0, 0.1, 0.1]), np.array([0, 1, 2, 2, 3])) == Span(2, 3, 1, 9.0, "字")


def test_the_last_token_ends_with_the_text() -> None:
    found = hardest(TEXT, np.array([1.0, 1.0, 1.0, 1.0, 1.0, 9.0]), STARTS)
    assert found is not None and found.said == " nine"


def test_a_text_of_even_losses_has_none() -> None:
    assert hardest(TEXT, np.full(6, 2.0), STARTS) is None
    assert hardest("", np.zeros(0), np.zeros(0, np.int64)) is None


def test_what_is_shown_of_it_has_an_end() -> None:
    found = hardest("x" * 5000, np.array([1.0] * 20 + [90.0]), np.arange(21))
    assert found is not None and found.end == 5000 and len(found.said) == SHOWN
