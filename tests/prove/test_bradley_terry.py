"""Intervals of Bradley-Terry strengths in simulation, also where votes on one prompt depend on each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from evalkit.arena.ratings import Battles, components, fit

pytestmark = pytest.mark.prove
SIMULATIONS = 2000
STRENGTHS = np.array([0.0, 0.2, 0.5, 0.9, 1.4])


def votes(rng: np.random.Generator, n: int, shared: float, per_prompt: int) -> Battles:
    """Votes of which those on one prompt share how well each model does on it (`shared`: its standard deviation)."""
    prompts = n // per_prompt
    cluster = np.repeat(np.arange(prompts), per_prompt)
    left = rng.integers(0, len(STRENGTHS), n)
    right = (left + rng.integers(1, len(STRENGTHS), n)) % len(STRENGTHS)
    form = shared * rng.standard_normal((prompts, len(STRENGTHS)))
    eta = STRENGTHS[left] - STRENGTHS[right] + form[cluster, left] - form[cluster, right]
    tie = rng.random(n) < 0.15
    outcome = np.where(tie, 0.5, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float))
    return Battles(left, right, outcome, cluster=cluster)


SIZES = [(1000, 0.0, 1), (5000, 0.0, 1), (3000, 1.0, 10), (6000, 1.0, 20)]


@pytest.mark.parametrize(("n", "shared", "per_prompt"), SIZES)
def test_coverage(n: int, shared: float, per_prompt: int, record: Callable[[str, str], None]) -> None:
    rng = np.random.default_rng(17)
    players = [str(number) for number in range(len(STRENGTHS))]
    # What the votes tend to: the strengths that fit all of a large sample best, shared form and ties included.
    large = votes(rng, 1_000_000, shared, per_prompt)
    truth = fit(large, players).strengths
    inside = alone = total = 0
    for _ in range(SIMULATIONS):
        battles = votes(rng, n, shared, per_prompt)
        if len(set(components(battles, len(players)).tolist())) > 1:
            continue
        found = fit(battles, players)
        careless = fit(Battles(battles.left, battles.right, battles.outcome), players)
        for i in range(len(players)):
            for j in range(i):
                for which, one in ((0, found), (1, careless)):
                    difference, error = one.difference(i, j)
                    hit = abs(difference - (truth[i] - truth[j])) <= 1.959964 * error
                    inside += hit and which == 0
                    alone += hit and which == 1
                total += 1
    coverage = inside / total
    record(
        f"Bradley-Terry, {n:,} votes, {per_prompt} a prompt, shared form {shared:g}",
        f"{coverage:.1%} of the 95 % intervals of differences hold the truth (94 to 96 % asked); without clusters "
        f"{alone / total:.1%}; {SIMULATIONS:,} simulations",
    )
    assert 0.94 <= coverage <= 0.96
