from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evalkit.likelihood.plan import Plan, Sought

LONG = list(range(100, 110))


def trie(sought: list[Sought]) -> int:
    """Different beginnings of all that is read: the least that can be computed."""
    return len({tuple(one.ids[: end + 1]) for one in sought for end in range(len(one.ids) - 1)})


def test_a_shared_beginning_is_computed_once() -> None:
    plan = Plan([Sought([*LONG, 1, 2], 2), Sought([*LONG, 3, 4], 2), Sought([*LONG, 1, 5, 6], 3)])
    assert plan.computed == len(LONG) + 3  # 1 and 3, and 5 after 1: the last tokens are only foretold
    assert plan.depths.tolist() == [0, 11, 10]


def test_sequences_that_differ_in_their_last_token_are_one() -> None:
    plan = Plan([Sought([*LONG, token], 1) for token in (4, 1, 3, 1)])
    assert plan.computed == len(LONG)
    assert plan.after.tolist() == [len(LONG) - 1] * 4
    assert plan.wanted.tolist() == [4, 1, 3, 1]
    assert plan.request.tolist() == [0, 1, 2, 3]


def test_without_sharing_every_sequence_is_computed_whole() -> None:
    sought = [Sought([*LONG, 1, 2], 2), Sought([*LONG, 3, 4], 2)]
    assert Plan(sought, share=False).computed == 2 * (len(LONG) + 1)


def test_pieces_keep_to_the_tokens_and_chains_that_they_may_have() -> None:
    plan = Plan([Sought([*LONG, first, 0], 1) for first in range(6)])
    pieces = list(plan.pieces(12))
    assert [(piece.begin, piece.end) for piece in pieces] == [(0, 12), (12, 16)]
    assert [piece.starts.tolist() for piece in pieces] == [[0, 11, 12], [0, 1, 2, 3, 4]]
    assert [len(piece.depths) for piece in plan.pieces(1000, 4)] == [4, 2]
    assert next((piece.begin, piece.end) for piece in plan.pieces(5)) == (0, 11)  # a longer chain is alone


def test_nothing_to_plan() -> None:
    assert Plan([]).computed == 0
    assert list(Plan([]).pieces(10)) == []


sequences = st.lists(
    st.tuples(st.lists(st.integers(0, 2), min_size=2, max_size=14), st.integers(1, 20)).map(
        lambda drawn: Sought(drawn[0], min(drawn[1], len(drawn[0]) - 1))
    ),
    max_size=12,
)


@given(sequences, st.integers(1, 30))
def test_every_target_stands_behind_its_own_path(sought: list[Sought], room: int) -> None:
    plan = Plan(sought)
    paths: list[list[int]] = []  # what each computed token has before it, itself included
    last: list[int] = []
    for piece in plan.pieces(room):
        for start, end, depth in zip(piece.starts[:-1], piece.starts[1:], piece.depths, strict=True):
            last = last[:depth]
            for token in plan.tokens[piece.begin + start : piece.begin + end].tolist():
                last = [*last, token]
                paths.append(last)
    assert len(paths) == plan.computed
    assert np.all(np.diff(plan.after) >= 0)
    found = {
        (request, place): (paths[after], wanted)
        for after, wanted, request, place in zip(
            plan.after.tolist(), plan.wanted.tolist(), plan.request.tolist(), plan.place.tolist(), strict=True
        )
    }
    expected = {}
    for request, (ids, targets) in enumerate(sought):
        for place in range(targets):
            at = len(ids) - targets + place
            expected[request, place] = list(ids[:at]), ids[at]
    assert found == expected


@given(sequences)
def test_no_more_is_computed_than_all_and_no_less_than_what_differs(sought: list[Sought]) -> None:
    computed = Plan(sought).computed
    assert trie(sought) <= computed <= sum(len(one.ids) - 1 for one in sought)


@given(sequences)
def test_long_beginnings_are_shared_to_the_last_token(sought: list[Sought]) -> None:
    behind = [Sought([*LONG, *one.ids], one.targets) for one in sought]
    assert Plan(behind).computed == trie(behind)
