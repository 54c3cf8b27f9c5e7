"""Features, pieces, split, calibration: the parts, each against a plain definition."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.classify import fasttext_engine, features, linear, split
from curate.classify.evaluate import threshold
from curate.classify.examples import cut
from curate.classify.model import batch_of
from curate.classify.settings import Linear


def test_features_are_counted_and_of_length_one() -> None:
    rows = features.word_rows(batch_of(["a b a", "", "A b"]))
    assert np.diff(rows.first).tolist() == [4, 0, 3]  # a b ab ba | | a b ab
    first = rows.values[:4]
    assert math.isclose(float((first**2).sum()), 1.0, rel_tol=1e-6)
    # "a" stands twice: 1 + ln 2; the slots come in order of appearance.
    assert math.isclose(float(first[0] / first[1]), 1 + math.log(2), rel_tol=1e-6)
    assert set(rows.slots[4:]) < set(rows.slots[:4])


def test_only_the_first_words_are_read() -> None:
    many = " ".join(str(number) for number in range(features.WORDS + 500))
    rows = features.word_rows(batch_of([many]))
    assert features.WORDS < rows.first[1] <= 2 * features.WORDS - 1


def test_logits_are_the_weighted_sums() -> None:
    rows = features.word_rows(batch_of(["red green", "blue"]))
    slots = np.unique(rows.slots[:2])
    weights = np.arange(2 * len(slots), dtype=np.float32).reshape(-1, 2)
    one = linear.LinearModel(slots, weights, np.array([0.5, -1.0]), [(np.ones(1), np.zeros(1))] * 2, False, 2)
    dense = np.zeros((2, features.SLOTS), np.float32)
    for text in range(2):
        at = slice(rows.first[text], rows.first[text + 1])
        dense[text, rows.slots[at]] = rows.values[at]
    assert np.allclose(one.logits(rows), dense[:, slots] @ weights + [0.5, -1.0], atol=1e-6)


@given(st.text(alphabet="ab \n", max_size=400), st.integers(1, 50))
def test_pieces_hold_the_whole_text(text: str, size: int) -> None:
    pieces = cut(text, size)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= 1.5 * size for piece in pieces)


LABELS = st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 6)), min_size=12, max_size=80)


@given(LABELS, st.integers(0, 5))
def test_groups_stay_together_and_every_label_is_on_both_sides(pairs: list[tuple[str, int]], seed: int) -> None:
    labels = [label for label, _ in pairs] + ["x", "x", "y", "y", "z", "z"]
    groups = [f"{label}{group}" for label, group in pairs] + ["x8", "x9", "y8", "y9", "z8", "z9"]
    held, torn = split.held_out(labels, groups, 0.3, seed)
    assert torn == []
    sides = {(group, bool(side)) for group, side in zip(groups, held, strict=True)}
    assert len(sides) == len(set(groups))
    assert {label for label, side in zip(labels, held, strict=True) if side} == {"x", "y", "z"}
    assert {label for label, side in zip(labels, held, strict=True) if not side} == {"x", "y", "z"}


def test_one_group_is_cut_and_said() -> None:
    held, torn = split.held_out(["a"] * 10 + ["b"] * 10, ["one"] * 10 + [f"g{n}" for n in range(10)], 0.2, 0)
    assert torn == ["a"]
    assert held[:10].sum() == 2


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
def test_scores_are_probabilities(calibration: str) -> None:
    rng = np.random.default_rng(0)
    words = ["alpha", "beta", "gamma", "delta"]
    texts, target = [], []
    for _ in range(2000):
        word = rng.integers(0, 4)
        texts.append(f"{words[word]} {rng.integers(0, 50)}")
        target.append(rng.random() < (0.05, 0.3, 0.7, 0.9)[word])
    rows = features.word_rows(batch_of(texts))
    wanted = np.array([[not yes, yes] for yes in target])
    groups = [str(at % 40) for at in range(len(texts))]
    one = linear.train(rows, wanted, groups, Linear(c=1, calibration=calibration), 0, exclusive=True)
    scores = one.score(rows)
    assert np.allclose(scores.sum(axis=1), 1)
    for word, truth in zip(words, (0.05, 0.3, 0.7, 0.9), strict=True):
        mine = np.array([text.startswith(word) for text in texts])
        assert abs(scores[mine, 1].mean() - truth) < 0.06


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = features.word_rows(batch_of(["one two", "three four", "one three", "two four"] * 3))
    target = np.array([[True, False, False], [False, True, False], [False, False, True], [True, True, False]] * 3)
    one = linear.train(rows, target, ["g"] * 12, Linear(least_documents=1), 0, exclusive=False)
    one.save(tmp_path)
    assert linear.load(tmp_path).score(rows).tolist() == one.score(rows).tolist()
    (tmp_path / linear.FILE).write_bytes(b"PK no archive")
    with pytest.raises(Exception, match="cannot read"):
        linear.load(tmp_path)


def test_threshold_keeps_the_share_of_tokens() -> None:
    scores, tokens = np.array([0.9, 0.8, 0.2, 0.1]), np.array([10, 30, 30, 30])
    found = threshold(scores, tokens, 0.4)
    assert (found["threshold"], found["tokens_kept"], found["examples_kept"]) == (0.8, 0.4, 0.5)


def test_fasttext_reads_no_label_and_no_end_from_a_text() -> None:
    line = fasttext_engine.one_line("a\n__label__1 b </s>\x00c")
    assert line == "a __label_1 b < /s> c"
