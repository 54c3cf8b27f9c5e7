"""The sequential alarm in simulation: how often it is false, and how soon it sees a drop."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import stdtrit

from evalkit.report.alarms import bounds
from evalkit.report.plan import Gates

RUNS, ITEMS = 100, 1000


def first_alarm(scores: np.ndarray, gates: Gates) -> int | None:
    """The first report [of reports, items] at which the test of `evalkit.report.alarms` fires, by cumulative sums."""
    total = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, 0)])
    limits = bounds(gates.false_alarms, gates.horizon, gates.memory)
    least = [float(stdtrit(scores.shape[1] - 1, p)) for p in limits]
    for now in range(2, len(scores) + 1):
        for last in range(1, min(gates.memory, now - 1) + 1):
            change = (total[now] - total[now - last]) / last - total[now - last] / (now - last)
            error = change.std(ddof=1) / math.sqrt(len(change))
            if error > 0 and change.mean() / error < least[last - 1] and change.mean() <= -gates.min_effect:
                return now - 1
    return None


def draw_scores(rng: np.random.Generator, runs: int, kind: str) -> np.ndarray:
    """Right and wrong answers of `runs` checkpoints of one ability."""
    ease = rng.beta(2, 1.3, ITEMS)
    if kind == "every answer drawn anew":
        return (rng.random((runs, ITEMS)) < ease).astype(float)
    if kind == "checkpoints that know different things":
        shift = 0.15 * rng.standard_normal((runs, ITEMS))
        return (rng.random((runs, ITEMS)) < np.clip(ease + shift, 0, 1)).astype(float)
    # Most answers are the same from one checkpoint to the next: about 15 % of them differ between any two.
    known = rng.random(ITEMS) < ease
    return np.where(rng.random((runs, ITEMS)) < 0.16, rng.random((runs, ITEMS)) < ease, known).astype(float)


# What a drop costs to be seen hangs on how much answers move without one.
WORLDS = {
    "every answer drawn anew": 0.85,
    "checkpoints that know different things": 0.8,
    "answers that mostly stay": 0.97,
}


@pytest.mark.prove
@pytest.mark.parametrize("kind", WORLDS)
def test_false_alarms_and_detection(kind: str, record: Callable[[str, str], None]) -> None:
    rng, gates = np.random.default_rng(11), Gates()
    simulations = 1000
    false = sum(first_alarm(draw_scores(rng, RUNS, kind), gates) is not None for _ in range(simulations))
    seen = 0
    delays = []
    for _ in range(simulations):
        scores = draw_scores(rng, 55, kind)
        # Three points fewer from report 50 on: some of the right answers are wrong.
        scores[50:] *= rng.random((5, ITEMS)) >= 0.03 / scores[50:].mean(1, keepdims=True)
        at = first_alarm(scores, gates)
        if at is not None and at >= 50:
            seen += 1
            delays.append(at - 49)
    record(
        f"sequential alarm, {kind}",
        f"{false} of {simulations} series of {RUNS} equal reports had a false alarm (5 % allowed); a drop of "
        f"3 points on {ITEMS:,} items was seen within 5 reports in {seen} of {simulations}, on average after "
        f"{np.mean(delays):.1f}",
    )
    assert false / simulations <= 0.05
    assert seen / simulations >= WORLDS[kind]
