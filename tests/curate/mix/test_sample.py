"""The keyed hash: how often, and that little moves."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.mix.sample import Ask, by_phase, copies, hashes

IDS = [f"{number:032x}" for number in range(4000)]
DRAWS = hashes(IDS, 0, "mix")
TOKENS = (1 + 5000 / (1 + np.arange(len(IDS)))).astype(np.int64)  # a few documents hold half of all


def everywhere(epochs: float) -> np.ndarray:
    return np.full(len(IDS), epochs)


def test_whole_epochs_take_every_document_so_often() -> None:
    assert (copies(everywhere(0), DRAWS) == 0).all()
    assert (copies(everywhere(3), DRAWS) == 3).all()


def test_the_rest_of_an_epoch_takes_that_share() -> None:
    taken = copies(everywhere(2.25), DRAWS)
    assert set(taken) == {2, 3}
    assert abs((taken == 3).mean() - 0.25) < 0.03


@given(st.floats(0, 8), st.floats(0, 8))
def test_more_epochs_only_add(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert (copies(everywhere(low), DRAWS) <= copies(everywhere(high), DRAWS)).all()


def test_a_hash_depends_on_the_id_the_seed_and_the_purpose_alone() -> None:
    assert (hashes(IDS[100:], 0, "mix") == DRAWS[100:]).all()
    assert not (hashes(IDS, 1, "mix") == DRAWS).any()
    assert not (hashes(IDS, 0, "order") == DRAWS).any()


def ask(wanted: float, member: np.ndarray | None = None) -> Ask:
    group = np.zeros(len(IDS), np.int64) if member is None else member
    return Ask(group, np.array([float(TOKENS[group == 0].sum())]), np.array([wanted]))


def test_a_later_phase_goes_on_where_the_one_before_stopped() -> None:
    half = float(TOKENS.sum() // 2)
    (main, _), (anneal, _) = by_phase([ask(half), ask(TOKENS.sum() - half)], TOKENS, DRAWS)
    assert set(main) == {0, 1}
    assert (main + anneal == 1).all()


def test_a_later_phase_of_some_documents_begins_with_those_that_are_new() -> None:
    some = np.where(np.arange(len(IDS)) % 4 == 0, 0, -1)
    half = float(TOKENS[some == 0].sum() // 2)
    (main, _), (anneal, _) = by_phase([ask(TOKENS.sum() / 2), ask(half, some)], TOKENS, DRAWS)
    assert (anneal[some < 0] == 0).all()
    total = (main + anneal)[some == 0]
    assert total.max() == 1 or total.min() == 1, "none is repeated before all are read"


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 5), st.floats(0, 5), st.floats(0, 2))
def test_more_wanted_tokens_only_add(one: float, other: float, earlier: float) -> None:
    first = ask(earlier * TOKENS.sum())
    low, high = (by_phase([first, ask(part * TOKENS.sum())], TOKENS, DRAWS)[1] for part in sorted((one, other)))
    assert (low.copies >= 0).all()
    assert (low.copies <= high.copies).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 5))
def test_the_tokens_are_as_near_as_the_documents_allow(part: float) -> None:
    wanted = part * TOKENS.sum()
    ((taken, epochs),) = by_phase([ask(wanted)], TOKENS, DRAWS)
    assert abs((taken * TOKENS).sum() - wanted) <= TOKENS.max() / 2
    assert abs(epochs[0] - part) < 0.2
    assert (taken == copies(everywhere(float(epochs[0])), DRAWS)).all()
