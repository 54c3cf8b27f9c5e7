"""The keyed hash: how often, and that little moves."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curate.mix.sample import by_phase, copies, hashes

IDS = [f"{number:032x}" for number in range(4000)]
DRAWS = hashes(IDS, 0, "mix")


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


def test_a_later_phase_goes_on_where_the_one_before_stopped() -> None:
    main, anneal = by_phase([everywhere(0.5), everywhere(0.5)], DRAWS)
    assert set(main) == {0, 1}
    assert (main + anneal == 1).all()


@given(st.lists(st.floats(0, 3), min_size=1, max_size=4))
def test_phases_add_up_to_all_their_epochs(epochs: list[float]) -> None:
    found = by_phase([everywhere(one) for one in epochs], DRAWS)
    assert all((phase >= 0).all() for phase in found)
    total = np.zeros(len(IDS))
    for one in epochs:
        total = total + one
    assert (np.sum(found, axis=0) == copies(total, DRAWS)).all()
