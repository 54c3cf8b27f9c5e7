from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.likelihood.plan import Sought
from evalkit.likelihood.windows import windows


def parts(found: Sequence[Sought]) -> list[tuple[list[int], list[int]]]:
    """Input and foretold tokens of each window, as lm-eval writes them down."""
    return [(list(ids[:-1]), list(ids[-targets:])) for ids, targets in found]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (0, []),
        (1, [([-1], [0])]),
        (4, [([-1, 0, 1, 2], [0, 1, 2, 3])]),
        (6, [([-1, 0, 1, 2], [0, 1, 2, 3]), ([1, 2, 3, 4], [4, 5])]),
        (8, [([-1, 0, 1, 2], [0, 1, 2, 3]), ([3, 4, 5, 6], [4, 5, 6, 7])]),
    ],
)
def test_the_rolling_form_of_lm_eval(tokens: int, expected: list[tuple[list[int], list[int]]]) -> None:
    assert parts(windows([-1, *range(tokens)], 4)) == expected


def test_a_stride_gives_every_later_token_more_to_go_by() -> None:
    assert parts(windows([-1, *range(7)], 4, 2)) == [
        ([-1, 0, 1, 2], [0, 1, 2, 3]),
        ([1, 2, 3, 4], [4, 5]),
        ([2, 3, 4, 5], [6]),
    ]


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 9))
def test_every_token_but_the_first_is_sought_once_in_order(tokens: int, positions: int, stride: int) -> None:
    found = windows(range(tokens), positions, min(stride, positions))
    assert [token for _, foretold in parts(found) for token in foretold] == list(range(1, tokens))
    assert all(len(one.ids) <= positions + 1 for one in found)
    assert all(len(one.ids) == positions + 1 for one in found[1:])
