"""The board: rank ranges, Elo, resampling, and which pair is asked next."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evalkit.arena.ballots import read_ballots
from evalkit.arena.board import board, bootstrap, elo, uncertain_pairs, votes_needed
from evalkit.arena.ratings import Battles, fit
from evalkit.arena.style import Style, differences, style
from workbench.errors import UserError


def votes(seed: int, n: int, strengths: list[float]) -> Battles:
    draw = np.random.default_rng(seed)
    left = draw.integers(0, len(strengths), n)
    right = (left + draw.integers(1, len(strengths), n)) % len(strengths)
    s = np.array(strengths)
    return Battles(left, right, (draw.random(n) < 1 / (1 + np.exp(s[right] - s[left]))).astype(float))


def test_ranks_are_ranges() -> None:
    battles = votes(1, 6000, [0.0, 0.02, 1.5])
    found = fit(battles, ["a", "b", "c"])
    lines = board(found, battles)
    assert [(line.player in "ab", line.best, line.worst) for line in lines] == [
        (False, 1, 1),
        (True, 2, 3),
        (True, 2, 3),
    ]
    assert sum(line.votes for line in lines) == 12_000
    assert all(line.low < line.rating < line.high for line in lines)


def test_the_sandwich_and_the_bootstrap_agree() -> None:
    battles = votes(2, 4000, [-0.5, 0.0, 0.5])
    found = fit(battles, ["a", "b", "c"])
    again = bootstrap(battles, found, draws=200)
    width = 2 * 1.96 * found.errors * 400 / np.log(10)
    assert (again.high - again.low) == pytest.approx(width, rel=0.2)
    assert (again.draws, again.failed) == (200, 0)
    assert bootstrap(battles, found, draws=5).low.tolist() == bootstrap(battles, found, draws=5).low.tolist()


def test_draws_without_a_maximum_are_counted() -> None:
    battles = Battles(np.array([0, 0, 0, 1]), np.array([1, 1, 1, 0]), np.array([1.0, 1.0, 1.0, 1.0]))
    again = bootstrap(battles, fit(battles, ["a", "b"]), draws=50)
    assert again.failed > 0 and again.draws + again.failed == 50


def test_elo_moves_by_k() -> None:
    one = Battles(np.array([0]), np.array([1]), np.array([1.0]))
    assert elo(one, 2).tolist() == [1002.0, 998.0]
    two = Battles(np.array([0, 0]), np.array([1, 1]), np.array([1.0, 0.5]))
    assert elo(two, 2)[0] == pytest.approx(1002 + 4 * (0.5 - 1 / (1 + 10 ** (-4 / 400))))


def test_votes_are_spent_where_the_order_is_open() -> None:
    battles = votes(3, 900, [0.0, 0.1, 3.0])
    found = fit(battles, ["a", "b", "c"])
    worth = uncertain_pairs(found)
    assert worth.sum() == pytest.approx(1) and (worth == worth.T).all()
    assert worth[0, 1] > 10 * max(worth[0, 2], worth[1, 2])
    assert votes_needed(found, 2, 0) == 0
    needed = votes_needed(found, 0, 1)
    difference, error = found.difference(0, 1)
    assert needed is not None and needed > 100
    chance = found.chance(0, 1)
    after = 1 / np.sqrt(1 / error**2 + needed * chance * (1 - chance))
    assert abs(difference) / after == pytest.approx(1.96 + 0.8416, rel=0.01)


def test_style_counts_leave_code_out() -> None:
    text = "# Title\n\n- one **two**\n1. three\n```\n# not a header\n- not a list\n```\n__bold__ end"
    assert style(text) == Style(9, 1, 2, 2)
    found = differences([Style(10, 0, 1, 0), Style(1, 0, 0, 0)], [Style(4, 0, 0, 0), Style(8, 0, 1, 0)])
    assert found[:, 0] == pytest.approx([1, -1]) and found[:, 1].tolist() == [0, 0]


def test_a_draw_that_cannot_tell_an_effect_is_counted_and_no_error() -> None:
    draw = np.random.default_rng(0)
    left = draw.integers(0, 3, 60)
    right, outcome = (left + draw.integers(1, 3, 60)) % 3, (draw.random(60) < 0.5).astype(float)
    almost = (outcome - 0.5) * (1 + draw.random(60))
    almost[0] *= -1  # but for this vote the covariate would say who wins
    battles = Battles(left, right, outcome, covariates=almost[:, None])
    found = bootstrap(battles, fit(battles, "abc"), draws=40)
    assert found.failed > 0 and found.draws == 40 - found.failed > 0


def test_a_row_without_a_vote_is_told_from_one_with_another_word(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    for row, what in (({}, "there is no vote"), ({"vote": "c"}, "the vote is 'c'")):
        path.write_text(json.dumps({"model_a": "x", "model_b": "y", **row}) + "\n")
        with pytest.raises(UserError, match=what):
            read_ballots(path)
