"""From strengths to a board: which ranks are possible, how sure each is, and which pair to ask about next."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from evalkit.arena.ratings import ELO_CENTRE, Battles, Fit, Floats, Ties, components, fit
from evalkit.statistics.bootstrap import resample

_Z = float(ndtri(0.975))
_POWER = float(ndtri(0.8))


class Place(NamedTuple):
    """One line of the board. rating, low, high: on the scale of Elo, 95 %. best, worst: ranks it may have."""

    player: str
    rating: float
    low: float
    high: float
    best: int
    worst: int
    votes: int


def board(found: Fit, battles: Battles) -> list[Place]:
    """Every player, strongest first; a rank is only told apart where the difference's own interval leaves out 0."""
    n = len(found.players)
    above, below = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for i in range(n):
        for j in range(n):
            if i != j:
                difference, error = found.difference(i, j)
                above[i] += difference + _Z * error < 0
                below[i] += difference - _Z * error > 0
    votes = np.bincount(battles.left, minlength=n) + np.bincount(battles.right, minlength=n)
    half = 400 / math.log(10) * _Z * found.errors
    order = np.argsort(-found.strengths, kind="stable")
    return [
        Place(
            found.players[i],
            float(found.ratings[i]),
            float(found.ratings[i] - half[i]),
            float(found.ratings[i] + half[i]),
            1 + int(above[i]),
            n - int(below[i]),
            int(votes[i]),
        )
        for i in order
    ]


def elo(battles: Battles, players: int, *, k: float = 4.0) -> Floats:
    """Ratings that move with every vote in its order, [players]: K factor, base 10, scale 400, start at 1000."""
    ratings = [ELO_CENTRE] * players
    for left, right, outcome in zip(
        battles.left.tolist(), battles.right.tolist(), battles.outcome.tolist(), strict=True
    ):
        expected = 1 / (1 + 10 ** ((ratings[right] - ratings[left]) / 400))
        ratings[left] += k * (outcome - expected)
        ratings[right] -= k * (outcome - expected)
    return np.array(ratings)


class Resampled(NamedTuple):
    """Ratings of refits: low and high [players], 95 %; draws that had a finite maximum, and how many had not."""

    low: Floats
    high: Floats
    draws: int
    failed: int


def bootstrap(battles: Battles, found: Fit, *, ties: Ties = "half", draws: int = 200, seed: int = 0) -> Resampled:
    """Refits on clusters drawn with replacement (votes where there are none)."""
    cluster = np.arange(len(battles.left)) if battles.cluster is None else battles.cluster
    names, groups = np.unique(cluster, return_inverse=True)
    rows, failed = [], 0
    for number in range(draws):
        counts = np.bincount(resample(len(names), number, seed), minlength=len(names))
        again = battles.weighed(counts[groups].astype(np.float64))
        if len(np.unique(components(again, len(found.players)))) > 1:
            failed += 1
            continue
        try:
            rows.append(fit(again, found.players, ties=ties).ratings)
        except ValueError:  # an effect of the covariates, or of ties, that this draw cannot tell
            failed += 1
    if not rows:
        nothing = np.full(len(found.players), np.nan)
        return Resampled(nothing, nothing, 0, failed)
    low, high = np.quantile(np.stack(rows), (0.025, 0.975), axis=0)
    return Resampled(low, high, len(rows), failed)


def votes_needed(found: Fit, first: int, second: int) -> int | None:
    """Further votes on this pair alone that would tell them apart (5 %, power 80 %), if the strengths are right.

    0 where they are told apart already; None where their strengths are equal.
    """
    difference, error = found.difference(first, second)
    if abs(difference) > _Z * error:
        return 0
    if difference == 0:
        return None
    wanted = ((_Z + _POWER) / difference) ** 2
    return max(math.ceil((wanted - 1 / error**2) / _information(found, first, second)), 1)


def _information(found: Fit, first: int, second: int) -> float:
    """Of one vote on the difference of two strengths: the variance of a half-counted outcome."""
    chance = found.chance(first, second)
    return max(chance * (1 - chance), 1e-9)


def uncertain_pairs(found: Fit) -> npt.NDArray[np.float64]:
    """How much a vote on each pair is worth, [players, players], symmetric, 0 on the diagonal, sum 1.

    The chance that the pair stands in the wrong order, times the share of its standard error that one vote takes away.
    """
    n = len(found.players)
    worth = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            difference, error = found.difference(i, j)
            wrong = float(ndtr(-abs(difference) / error)) if error > 0 else 0.0
            gain = 1 - 1 / math.sqrt(1 + error**2 * _information(found, i, j))
            worth[i, j] = worth[j, i] = wrong * gain
    total = worth.sum()
    return worth / total if total > 0 else (np.ones((n, n)) - np.eye(n)) / max(n * (n - 1), 1)
