"""Mixtures: exact shares, each label once an epoch, and a batch that is a function of the step alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered_text import Numbers

from train.data.batch import IGNORED, PADDING
from train.data.mixture import Mixture, Part, Phase, Shares
from train.data.rows import permutation
from workbench.errors import UserError


def mixture(sizes, *, rows=4, micro=2, width=16, seed=0, steps=10, **more):
    parts = {name: Part(Numbers(each), np.arange(len(each)), **more) for name, each in sizes.items()}
    return Mixture(
        parts, [Phase("main", steps, dict.fromkeys(sizes, 1.0))], rows=rows, micro=micro, width=width, seed=seed
    )


sizes = st.lists(st.integers(0, 60), min_size=1, max_size=20).filter(lambda found: max(found) > 1)


@given(sizes, st.integers(1, 20), st.integers(0, 5))
def test_each_token_but_the_first_of_a_document_is_a_label_once_an_epoch(found, width, epoch):
    source = mixture({"a": found}, rows=1, micro=1, width=width)
    rows = source.streams["a"].cycle
    labels: Counter[int] = Counter()
    for step in range(epoch * rows, (epoch + 1) * rows):
        (batch,) = source.batches(step, 0, 1)
        labels.update(batch.labels[batch.labels != IGNORED].tolist())
    expected = [1000 * doc + 1 + at for doc, size in enumerate(found) for at in range(1, size)]
    assert labels == Counter(expected)
    seen = source.seen((epoch + 1) * rows)["a"]
    assert seen == {"rows": (epoch + 1) * rows, "tokens": (epoch + 1) * len(expected),
                    "labels": (epoch + 1) * len(expected), "epochs": epoch + 1}  # fmt: skip


@given(sizes, st.integers(1, 20))
def test_a_label_is_the_next_token_of_its_document_and_positions_start_anew(found, width):
    for batch in mixture({"a": found}, width=width).batches(3, 0, 1):
        held = batch.docs != PADDING
        assert (batch.labels[held] == batch.tokens[held] + 1).all()
        assert (batch.labels[~held] == IGNORED).all()
        assert batch.weight == held.sum()
        for row in range(len(batch.tokens)):
            docs, positions = batch.docs[row], batch.positions[row]
            for doc in range(int(docs.max()) + 1):
                assert positions[docs == doc].tolist() == list(range(int((docs == doc).sum())))


def rows_of(source, step, world):
    parts = [source.batches(step, rank, world) for rank in range(world)]
    assert len({len(part) for part in parts}) == 1
    return sorted(
        tuple(torch.cat([b.tokens[i], b.labels[i], b.positions[i], b.docs[i]]).tolist())
        for part in parts for b in part for i in range(len(b.tokens))
    )  # fmt: skip


@given(st.integers(0, 30), st.sampled_from([1, 2, 3, 6]), st.integers(1, 7), st.integers(0, 3))
@settings(max_examples=40)
def test_ranks_and_micro_batches_do_not_change_what_a_step_reads(step, world, micro, seed):
    drawn = {"a": [9, 40, 3, 17, 25, 2], "b": [30, 31, 5]}
    expected = rows_of(mixture(drawn, rows=6, micro=6, seed=seed), step, 1)
    assert rows_of(mixture(drawn, rows=6, micro=micro, seed=seed), step, world) == expected


def test_a_step_can_be_asked_for_in_any_order():
    drawn = {"a": [9, 40, 3, 17, 25, 2], "b": [30, 31, 5]}
    one, other = mixture(drawn), mixture(drawn)
    forth = [rows_of(one, step, 1) for step in range(25)]
    back = [rows_of(other, step, 1) for step in reversed(range(25))]
    assert forth == back[::-1]
    assert forth != [rows_of(mixture(drawn, seed=1), step, 1) for step in range(25)]


def test_rows_that_cannot_be_shared_equally_are_refused():
    with pytest.raises(UserError, match="4 rows a step cannot be shared equally by 3"):
        mixture({"a": [5]}).batches(0, 0, 3)


weights = st.lists(st.floats(0.001, 1), min_size=1, max_size=12)


@given(weights)
def test_no_part_is_a_whole_row_off_its_share(drawn):
    share = np.asarray(drawn) / np.sum(drawn)
    owners = Shares(drawn).owners(0, 3000)
    counts = np.cumsum(owners[:, None] == np.arange(len(drawn)), axis=0)
    wanted = share * np.arange(1, 3001)[:, None]
    assert (counts.sum(axis=1) == np.arange(1, 3001)).all()
    assert np.abs(counts - wanted).max() < 1 + 1e-5


@given(weights, st.integers(0, 40_000), st.integers(0, 200))
@settings(max_examples=20)
def test_shares_are_the_same_from_any_place(drawn, begin, length):
    whole = Shares(drawn).owners(0, begin + length)
    assert (Shares(drawn).owners(begin, begin + length) == whole[begin:]).all()
    assert Shares(drawn).counts(begin).tolist() == np.bincount(whole[:begin], minlength=len(drawn)).tolist()


def test_a_part_goes_on_in_a_later_phase_and_shares_start_anew():
    parts = {name: Part(Numbers([5] * 50), np.arange(50)) for name in "ab"}
    phases = [Phase("main", 3, {"a": 3, "b": 1}), Phase("anneal", 2, {"b": 1})]
    source = Mixture(parts, phases, rows=4, micro=4, width=4, seed=0)
    assert source.steps == 5
    found = {step: {name: part["rows"] for name, part in source.seen(step).items()} for step in (1, 3, 4, 5, 9)}
    assert found == {1: {"a": 3, "b": 1}, 3: {"a": 9, "b": 3}, 4: {"a": 9, "b": 7},
                     5: {"a": 9, "b": 11}, 9: {"a": 9, "b": 27}}  # fmt: skip
    names = [name for step in range(5) for batch in source.batches(step, 0, 1) for name in batch.names]
    assert len(names) == 20
    numbers = [number for step in range(5) for part, number in source._rows(step) if part == "b"]
    assert numbers == list(range(11))
    assert sum(part["tokens"] for part in source.seen(5).values()) == 20 * 4


def test_documents_with_copies_are_read_in_rounds():
    part = Part(Numbers([5, 5, 5, 5]), np.arange(4), np.array([3, 1, 0, 2]))
    source = Mixture({"a": part}, [Phase("main", 6, {"a": 1})], rows=1, micro=1, width=4, seed=0)
    read = [source.batches(step, 0, 1)[0].names[0] for step in range(12)]
    assert [sorted(read[:3]), sorted(read[3:5]), read[5:6]] == [["n0", "n1", "n3"], ["n0", "n3"], ["n0"]]
    assert sorted(read[6:9]) == ["n0", "n1", "n3"]
    assert source.seen(6)["a"] == {"rows": 6, "tokens": 24, "labels": 24, "epochs": 2.0}


@given(st.integers(0, 60))
def test_what_was_seen_is_what_the_batches_held(steps):
    source = mixture({"a": [9, 40, 3, 17, 25, 2], "b": [30, 31, 5]}, rows=2)
    batches = [batch for step in range(steps) for batch in source.batches(step, 0, 1)]
    assert sum(part["labels"] for part in source.seen(steps).values()) == sum(batch.weight for batch in batches)
    held = sum(int((batch.docs != PADDING).sum()) for batch in batches)
    assert sum(part["tokens"] for part in source.seen(steps).values()) == held


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (Phase("main", 1, {"web": 1}), "there is no part 'web'"),
        (Phase("main", 1, {"a": -1}), "the weight of 'a' is -1"),
        (Phase("main", 1, {"a": float("nan")}), "the weight of 'a' is nan"),
        (Phase("main", 1, {"a": 0}), "reads nothing"),
    ],
)
def test_weights_that_are_no_shares_are_refused(phase, message):
    with pytest.raises(UserError, match=message):
        Mixture({"a": Part(Numbers([5]), np.arange(1))}, [phase], rows=1, micro=1, width=4, seed=0)


def test_a_part_without_text_is_refused():
    with pytest.raises(UserError, match=r"^'a' has no document to read"):
        mixture({"a": [1, 0, 1]})


def test_permutations_are_the_same_everywhere():
    assert permutation(8, "0:web:0").tolist() == [5, 1, 3, 6, 0, 2, 4, 7]
    assert sorted(permutation(1000, "x").tolist()) == list(range(1000))
