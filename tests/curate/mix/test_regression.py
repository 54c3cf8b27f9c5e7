"""The best mixture by trials: surfaces with a known optimum, bounds, and tables that are wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.mix.optimum import project
from curate.mix.regression import solve
from curate.mix.trials import Trials, read_trials
from workbench.errors import UserError

from .surfaces import SURFACES, trials

# The tail of the table in docs/mixing.md: one line for each kind of surface; the whole is proved below.
CASES = [("bowl", 4, 0), ("power", 6, 1), ("exponential", 5, 2)]


def excess(surface: str, groups: int, seed: int, noise: float, bootstraps: int = 2) -> float:
    """How far above the best loss the mixture is that 64 trials lead to, as a share of the best."""
    random = np.random.default_rng([seed, groups])
    loss, best = SURFACES[surface](groups, random)
    answer = solve(trials(loss, groups, random, noise), bootstraps=bootstraps, seed=seed)
    assert answer.weights.sum() == pytest.approx(1)
    return float(loss(answer.weights[None, :])[0]) / best - 1


@pytest.mark.parametrize(("surface", "groups", "seed"), CASES)
def test_64_trials_lead_within_two_percent_of_the_best(surface: str, groups: int, seed: int) -> None:
    assert -1e-9 <= excess(surface, groups, seed, noise=0.005) <= 0.02


@pytest.mark.prove
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("groups", [3, 5, 8])
@pytest.mark.parametrize("noise", [0.0, 0.005])
def test_64_trials_lead_within_two_percent_on_every_surface(surface: str, groups: int, noise: float) -> None:
    assert max(excess(surface, groups, seed, noise) for seed in range(10)) <= 0.02


def easy(count: int = 24) -> Trials:
    """A bowl around (0.5, 0.3, 0.2) without noise."""
    weights = np.random.default_rng(0).dirichlet(np.ones(3), count)
    return Trials(["en", "de", "fr"], weights, 1 + ((weights - [0.5, 0.3, 0.2]) ** 2).sum(axis=1))


def test_the_optimum_its_loss_and_the_intervals() -> None:
    answer = solve(easy(), bootstraps=10)
    assert answer.weights == pytest.approx([0.5, 0.3, 0.2], abs=0.01)
    assert answer.predicted == pytest.approx(1, abs=1e-3)
    assert answer.predicted_low <= answer.predicted_high
    assert (answer.low <= answer.weights).all()
    assert (answer.weights <= answer.high).all()
    assert answer.qualities[0].r2 > 0.99
    assert answer.qualities[0].rank_correlation > 0.95
    assert not answer.at_edge


def test_a_score_is_maximised() -> None:
    loss = easy()
    answer = solve(Trials(loss.groups, loss.weights, -loss.values), goal="max", bootstraps=2)
    assert answer.weights == pytest.approx([0.5, 0.3, 0.2], abs=0.01)
    assert answer.predicted == pytest.approx(-1, abs=1e-3)
    assert answer.best_trial == -loss.values.min()


def test_the_same_seed_gives_the_same_answer() -> None:
    first, second = (solve(easy(12), bootstraps=2, seed=5) for _ in range(2))
    assert (first.weights == second.weights).all()
    assert (first.low == second.low).all()
    assert first.predicted_high == second.predicted_high


def test_limits_are_kept() -> None:
    caps = np.array([0.4, 1.0, 1.0])
    answer = solve(easy(), caps=caps, minimum={"fr": 0.3}, bootstraps=2)
    assert answer.weights[0] <= 0.4 + 1e-9
    assert answer.weights[2] >= 0.3 - 1e-9
    # On the line en + de + fr = 1 with fr = 0.3 the nearest point to the centre takes the same from both others.
    assert answer.weights == pytest.approx([0.4, 0.3, 0.3], abs=0.02)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"minimum": {"en": 0.6}, "caps": np.array([0.5, 1, 1])}, "'en' must have a weight of at least 0.6"),
        ({"caps": np.array([0.3, 0.3, 0.3])}, "at most 0.9 of the budget together"),
        ({"minimum": {"en": 0.6, "de": 0.6}}, "the minimum weights sum to 1.2"),
    ],
)
def test_limits_that_leave_nothing_are_refused(limits: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        solve(easy(), bootstraps=1, **limits)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=2, max_size=8))
def test_a_projection_is_a_mixture_within_bounds(point: list[float]) -> None:
    count = len(point)
    lower, upper = np.full(count, 0.1 / count), np.full(count, 1.5 / count)
    found = project(np.array([point]), lower, upper)[0]
    assert found.sum() == pytest.approx(1)
    assert (found >= lower).all()
    assert (found <= upper).all()


HEAD = "run,en,de,loss\n"
GOOD = "".join(f"{row},{row / 10},{1 - row / 10:.1f},{2 + row / 100}\n" for row in range(1, 10))


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    path.write_text(HEAD + GOOD)
    found = read_trials(path, ["de", "en", "fr"], ["loss"])
    assert found.groups == ["en", "de"]
    assert found.weights[0] == pytest.approx([0.1, 0.9])
    assert found.values[:2] == pytest.approx([2.01, 2.02])


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (HEAD + GOOD + "10,0.5,0.4,2.5\n", 11, "sum to 0.9, not to 1; columns that are no group of the run: run"),
        (HEAD + "0,-0.1,1.1,2\n" + GOOD, 2, "a weight is below 0"),
        (HEAD + "0,0.5,0.5,\n" + GOOD, 2, "'loss' is no number: None"),
        (HEAD + "0,half,0.5,2\n" + GOOD, 2, "'en' is no number: 'half'"),
        (HEAD + GOOD[:60], None, "trials are too few for 2 groups"),
        (HEAD.replace("loss", "score") + GOOD, None, "no column 'loss'"),
        ("run,a,b,loss\n" + GOOD, None, "no column of the trials is a group"),
        (HEAD + "".join(f"1,0.{row},0.{9 - row},2\n".replace("0.0,0.9", "0,1") for row in [0] * 9), None, "all trials"),
        ("", None, "cannot read the trials"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_with_the_line(
    tmp_path: Path, text: str, line: int | None, message: str
) -> None:
    path = tmp_path / "trials.csv"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        read_trials(path, ["de", "en"], ["loss"])
    assert message in str(refused.value)
    assert refused.value.line == line
