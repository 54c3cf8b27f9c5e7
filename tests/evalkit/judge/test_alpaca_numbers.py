"""AlpacaEval's numbers: the official leaderboard from its stored annotations, and its fit beside scikit-learn's."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from evalkit.judge.length_control import (
    STRENGTHS,
    controlled,
    gamed_rows,
    model_rows,
    predicted,
    solve,
    standard_lengths,
)
from evalkit.judge.winrate import is_switched, unswitched, weighted_preference, win_rate

MODELS = [
    "FuseChat-Llama-3.1-8B-Instruct",
    "alpaca-7b",
    "claude-2.1",
    "gpt-3.5-turbo-1106",
    "gpt-3.5-turbo-1106_concise",
    "gpt-3.5-turbo-1106_verbose",
    "gpt4_gamed",
    "vicuna-13b-v1.5",
]


def annotations(shared_data: Path, model: str) -> list[dict[str, Any]]:
    data = (shared_data / f"alpaca-eval/annotations/{model}.json.zst").read_bytes()
    return json.loads(zstandard.ZstdDecompressor().decompressobj().decompress(data))


def table(shared_data: Path, name: str) -> dict[str, dict[str, str]]:
    with open(shared_data / "alpaca-eval" / name, newline="") as lines:
        return {row.pop(""): row for row in csv.DictReader(lines)}


def preferences(rows: list[dict[str, Any]]) -> np.ndarray:
    return np.array([math.nan if row["preference"] is None else row["preference"] for row in rows])


@pytest.mark.parametrize("model", MODELS)
def test_the_official_leaderboard(shared_data: Path, model: str) -> None:
    found, official = (
        win_rate(preferences(annotations(shared_data, model))),
        table(shared_data, "leaderboard.csv")[model],
    )
    assert found.win_rate == pytest.approx(float(official["win_rate"]), rel=1e-9)
    assert found.standard_error == pytest.approx(float(official["standard_error"]), rel=1e-9)
    assert found.discrete == pytest.approx(float(official["discrete_win_rate"]), rel=1e-9)
    counts = [int(official[name]) for name in ("n_wins", "n_wins_base", "n_draws", "n_total")]
    assert [found.wins, found.losses, found.ties, found.total] == counts


@pytest.mark.parametrize("model", ["alpaca-7b", "claude-2.1", "gpt4_gamed", "vicuna-13b-v1.5"])
def test_the_order_of_the_answers(shared_data: Path, model: str) -> None:
    checked = 0
    for row in annotations(shared_data, model):
        raw = row.get("raw_completion")
        if isinstance(raw, dict) and raw.get("logprobs"):
            shown = weighted_preference(raw["logprobs"]["content"][0]["top_logprobs"])
            assert unswitched(shown, is_switched(row["instruction"])) == pytest.approx(row["preference"], abs=1e-6)
            checked += 1
    assert checked > 790


def test_published_coefficients(shared_data: Path) -> None:
    weights, board = table(shared_data, "length_controlled_weights.csv"), table(shared_data, "leaderboard.csv")
    with open(shared_data / "alpaca-eval/instruction_difficulty_estimated.csv", newline="") as lines:
        hard = np.array([float(row["instruction_difficulty_estimated"]) for row in csv.DictReader(lines)])
    for model in set(MODELS) & set(weights):
        _, slope, constant = (float(value) for value in weights[model].values())
        official = float(board[model]["length_controlled_winrate"])
        assert 100 * predicted(hard, slope, constant).mean() == pytest.approx(official, abs=0.02)


def synthetic() -> tuple[Any, Any]:
    """805 rows of a model and the two gamed baselines, drawn as the reference set-up draws them."""
    draw, hard = np.random.default_rng(0), np.random.default_rng(1).normal(size=805)
    shares, lengths = [], []
    for middle, shift in ((0.64, -0.9), (0.22, 1.0)):
        shares.append(draw.beta(3 * middle, 3 * (1 - middle), 805).clip(0.001, 0.999))
        lengths.append(shift + 0.5 * draw.normal(size=805))
    long = draw.normal(0.8, 1, 805)
    truth = 1 / (1 + np.exp(-(-1.5 * np.tanh(long) + 0.9 * hard - 1.5)))
    share = draw.beta(3 * truth, 3 * (1 - truth)).clip(1e-6, 1 - 1e-6)
    return model_rows(share, long, hard), gamed_rows(np.concatenate(shares), np.concatenate(lengths), np.tile(hard, 2))


def test_the_fit_is_that_of_liblinear() -> None:
    from sklearn.linear_model import LogisticRegression

    model, gamed = synthetic()
    share, length, difficulty, own, weight = (np.concatenate(pair) for pair in zip(model, gamed, strict=True))
    x = np.stack([length, difficulty, own], 1)
    doubled, sides = np.concatenate([x, x]), np.repeat([1, 0], len(share))
    weights = np.concatenate([weight * share, weight * (1 - share)])
    for strength in (STRENGTHS[2], STRENGTHS[5], STRENGTHS[9]):
        peer = LogisticRegression(
            l1_ratio=1.0,
            solver="liblinear",
            C=strength,
            fit_intercept=False,
            random_state=123,
            tol=1e-10,
            max_iter=5000,
        ).fit(doubled, sides, sample_weight=weights)
        assert solve(x, share, weight, float(strength)) == pytest.approx(peer.coef_[0], abs=1e-5)
    found = controlled(model, gamed, draws=40)
    assert found.rate == pytest.approx(100 * predicted(difficulty[:805], found.difficulty, found.constant).mean())
    assert found.low < found.rate < found.high and found.error > 2 * found.naive_error / 3


def test_equal_answers_are_half() -> None:
    rows = model_rows(np.full(50, 0.5), standard_lengths(np.arange(50), np.zeros(50, np.int64)), np.linspace(-1, 1, 50))
    assert controlled(rows, draws=5).rate == 50
    assert standard_lengths(np.array([3, 3]), np.array([1, 1])).tolist() == [0, 0]


def test_preferences() -> None:
    found = win_rate(np.array([1.0, 2.0, 1.5, 0.0, np.nan, 1.6]))
    assert (found.win_rate, found.wins, found.losses, found.ties, found.total, found.unscored) == (52.0, 2, 1, 2, 5, 1)
    assert found.discrete == pytest.approx(60)
    with pytest.raises(ValueError, match="between 1 and 2"):
        win_rate(np.array([0.5]))
    alternatives = [{"token": "M", "logprob": math.log(0.6)}, {"token": "m", "logprob": math.log(0.2)}]
    assert weighted_preference(alternatives) == pytest.approx(1.75)
    assert weighted_preference(alternatives[:1]) == 2
    assert math.isnan(weighted_preference([{"token": "x", "logprob": 0.0}]))
    assert unswitched(1.75, True) == 1.25


def published_procedure(model: Any, gamed: Any) -> float:
    """The rate of alpaca_eval 0.6.6 in its own way: liblinear, ten strengths, five folds by row, soft labels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    share, length, difficulty, own, weight = (np.concatenate(pair) for pair in zip(model, gamed, strict=True))
    x = np.stack([length, difficulty, own], 1)
    doubled, sides = np.concatenate([x, x]), np.repeat([1, 0], len(share))
    weights = np.concatenate([weight * share, weight * (1 - share)])
    rows = np.tile(np.arange(len(share)), 2)

    def fitted(strength: float, kept: np.ndarray) -> LogisticRegression:
        peer = LogisticRegression(l1_ratio=1.0, solver="liblinear", C=strength, fit_intercept=False, random_state=123)
        return peer.fit(doubled[kept], sides[kept], sample_weight=weights[kept])

    losses = np.zeros(len(STRENGTHS))
    for kept, out in GroupKFold(5).split(doubled, sides, rows):
        for place, strength in enumerate(STRENGTHS):
            chance = fitted(strength, kept).predict_proba(doubled[out])[:, 1].clip(1e-15, 1 - 1e-15)
            p, w = share[rows[out]], weight[rows[out]]
            losses[place] -= float(np.mean(w * (p * np.log(chance) + (1 - p) * np.log(1 - chance))))
    best = fitted(float(STRENGTHS[int(np.argmin(losses))]), np.arange(len(doubled))).coef_[0]
    return 100 * float(predicted(model.difficulty, best[1], best[2]).mean())


@pytest.mark.filterwarnings("ignore:.*penalty.*")
@pytest.mark.parametrize("name", ["alpaca-7b", "claude-2.1", "vicuna-13b-v1.5"])
def test_the_whole_fit_beside_the_published_procedure(shared_data: Path, name: str) -> None:
    """On a model's real verdicts, with gamed rows drawn as the reference set-up draws them."""
    rows = annotations(shared_data, name)
    with open(shared_data / "alpaca-eval/instruction_difficulty_estimated.csv", newline="") as lines:
        hard = [float(row["instruction_difficulty_estimated"]) for row in csv.DictReader(lines)]
    order = [row["instruction"] for row in annotations(shared_data, "alpaca-7b")]
    difficulty = np.array([hard[order.index(row["instruction"])] for row in rows])
    first, second = (np.array([len(row[side]) for row in rows]) for side in ("output_1", "output_2"))
    model = model_rows(preferences(rows) - 1, standard_lengths(first, second), difficulty)
    _, gamed = synthetic()
    assert controlled(model, gamed, draws=0).rate == pytest.approx(published_procedure(model, gamed), abs=0.3)
