"""Bradley-Terry strengths from paired comparisons by maximum likelihood, with covariances for clustered votes.

A battle of players a and b has the predictor eta = strength_a - strength_b + covariates @ effects. Ties count half a
win to each side (the form of FastChat and of most boards), or have a probability of their own (Davidson 1970):
P(tie) = nu * sqrt(pi_a pi_b) / (pi_a + pi_b + nu sqrt(pi_a pi_b)) with pi = exp(strength).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Ties = Literal["half", "davidson"]

ELO_SCALE = 400 / math.log(10)
ELO_CENTRE = 1000.0
_STEPS = 100
_TOLERANCE = 1e-12  # of the Newton decrement, as a share of the log-likelihood, whose own rounding grows with the votes


@dataclass(frozen=True, slots=True)
class Battles:
    """Votes on pairs of players.

    left, right: int64 [n], players' numbers. outcome: float64 [n], 1 where left won, 0 where right did, 0.5 for a
    tie. weight: float64 [n] (default 1). cluster: int64 [n], what votes share, such as the prompt (default: every vote
    stands alone). covariates: float64 [n, k], what else moves a vote towards left. Raises ValueError for other shapes.
    """

    left: Ints
    right: Ints
    outcome: Floats
    weight: Floats | None = None
    cluster: Ints | None = None
    covariates: Floats | None = None

    def __post_init__(self) -> None:
        n = len(self.left)
        for name in ("right", "outcome", "weight", "cluster", "covariates"):
            values = getattr(self, name)
            if values is not None and len(values) != n:
                raise ValueError(f"{name} has {len(values)} rows, left has {n}")
        if np.any(self.left == self.right):
            raise ValueError("a player cannot meet itself")
        if not np.isin(self.outcome, (0.0, 0.5, 1.0)).all():
            raise ValueError("outcomes are 1, 0.5 or 0")

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> Battles:
        """The battles of some rows."""
        parts = (self.left, self.right, self.outcome, self.weight, self.cluster, self.covariates)
        return Battles(*(None if part is None else part[rows] for part in parts))  # type: ignore[arg-type]

    def weighed(self, factor: Floats) -> Battles:
        """The same battles, each counted `factor` times more."""
        weight = factor if self.weight is None else self.weight * factor
        return Battles(self.left, self.right, self.outcome, weight, self.cluster, self.covariates)


@dataclass(frozen=True, slots=True)
class Fit:
    """What the votes say of `players`.

    strengths: [players], natural logarithms whose mean is 0. effects: [k] of the covariates. tie: log(nu) of
    Davidson's model, None where ties count half. covariance: of (strengths, effects, tie), the sandwich estimate.
    loss: the negative log-likelihood. n, clusters: votes and what they are clustered by.
    """

    players: tuple[str, ...]
    strengths: Floats
    effects: Floats
    tie: float | None
    covariance: Floats
    loss: float
    n: int
    clusters: int

    @property
    def ratings(self) -> Floats:
        """On the scale of Elo: 400 points are odds of ten to one, the mean is 1000."""
        return ELO_CENTRE + ELO_SCALE * self.strengths

    @property
    def errors(self) -> Floats:
        """Standard errors of the strengths."""
        return np.sqrt(np.diag(self.covariance)[: len(self.players)])

    def difference(self, first: int, second: int) -> tuple[float, float]:
        """strength[first] - strength[second], and its standard error."""
        c = self.covariance
        variance = c[first, first] + c[second, second] - 2 * c[first, second]
        return float(self.strengths[first] - self.strengths[second]), math.sqrt(max(variance, 0.0))

    def chance(self, first: int, second: int) -> float:
        """The expected share of `first` against `second`, a tie counted half, the covariates 0."""
        eta = float(self.strengths[first] - self.strengths[second])
        if self.tie is None:
            return 1 / (1 + math.exp(-eta))
        win, loss, tie = math.exp(eta / 2), math.exp(-eta / 2), math.exp(self.tie)
        return (win + tie / 2) / (win + loss + tie)


class _Slopes(NamedTuple):
    """Derivatives of each vote's log-likelihood: of eta and tau first, then the curvatures (signs turned)."""

    value: Floats
    eta: Floats
    tau: Floats
    eta_eta: Floats
    eta_tau: Floats
    tau_tau: Floats


def _half(eta: Floats, outcome: Floats) -> _Slopes:
    chance = 1 / (1 + np.exp(-np.abs(eta)))  # of the stronger side, so that nothing overflows
    chance = np.where(eta >= 0, chance, 1 - chance)
    value = outcome * eta - np.logaddexp(0, eta)
    zero = np.zeros_like(eta)
    return _Slopes(value, outcome - chance, zero, chance * (1 - chance), zero, zero)


def _davidson(eta: Floats, outcome: Floats, tau: float) -> _Slopes:
    levels = np.stack([eta / 2, np.full_like(eta, tau), -eta / 2])
    total = np.logaddexp.reduce(levels)
    win, tie, loss = np.exp(levels - total)
    tied = (outcome == 0.5).astype(np.float64)
    mean = (win - loss) / 2
    return _Slopes(
        (outcome - 0.5) * eta + tied * tau - total,
        outcome - 0.5 - mean,
        tied - tie,
        (win + loss) / 4 - mean**2,
        -mean * tie,
        tie * (1 - tie),
    )


class _Problem:
    """Sums over votes of slopes and curvatures, without ever holding a row of indicators for each."""

    def __init__(self, battles: Battles, players: int, ties: Ties, ridge: tuple[float, float]) -> None:
        self.battles, self.players, self.ties = battles, players, ties
        n = len(battles.left)
        self.weight = np.ones(n) if battles.weight is None else battles.weight.astype(np.float64)
        self.x = np.zeros((n, 0)) if battles.covariates is None else battles.covariates.astype(np.float64)
        self.effects = self.x.shape[1]
        self.size = players + self.effects + (ties == "davidson")
        self.penalty = np.zeros(self.size)
        self.penalty[:players] = ridge[0]
        self.penalty[players : players + self.effects] = ridge[1]

    def slopes(self, theta: Floats) -> _Slopes:
        b, p = self.battles, self.players
        eta = theta[b.left] - theta[b.right] + self.x @ theta[p : p + self.effects]
        return _half(eta, b.outcome) if self.ties == "half" else _davidson(eta, b.outcome, theta[-1])

    def loss(self, theta: Floats) -> float:
        return float(-self.weight @ self.slopes(theta).value + self.penalty @ theta**2 / 2)

    def gradients(self, s: _Slopes, groups: Ints, count: int) -> Floats:
        """Sums of each vote's slopes over groups, [count, size]."""
        b, p, w = self.battles, self.players, self.weight
        out = np.zeros((count, self.size))
        np.add.at(out, (groups, b.left), w * s.eta)
        np.add.at(out, (groups, b.right), -w * s.eta)
        for k in range(self.effects):
            out[:, p + k] = np.bincount(groups, w * s.eta * self.x[:, k], count)
        if self.ties == "davidson":
            out[:, -1] = np.bincount(groups, w * s.tau, count)
        return out

    def curvature(self, s: _Slopes) -> Floats:
        """The negative Hessian of the log-likelihood, [size, size]."""
        b, p, w = self.battles, self.players, self.weight
        out = np.zeros((self.size, self.size))
        bend = w * s.eta_eta
        np.add.at(out, (b.left, b.left), bend)
        np.add.at(out, (b.right, b.right), bend)
        np.add.at(out, (b.left, b.right), -bend)
        np.add.at(out, (b.right, b.left), -bend)
        rows = slice(p, p + self.effects)
        out[rows, rows] = self.x.T @ (bend[:, None] * self.x)
        others = [(p + k, bend * self.x[:, k]) for k in range(self.effects)]
        if self.ties == "davidson":
            bent = w * s.eta_tau
            out[-1, -1] = w @ s.tau_tau
            out[rows, -1] = out[-1, rows] = self.x.T @ bent
            others.append((self.size - 1, bent))
        for column, values in others:
            part = np.bincount(b.left, values, p) - np.bincount(b.right, values, p)
            out[:p, column] = out[column, :p] = part
        return out


def fit(
    battles: Battles,
    players: Sequence[str],
    *,
    ties: Ties = "half",
    ridge: tuple[float, float] = (0.0, 0.0),
) -> Fit:
    """Strengths by Newton's method, their covariance by the sandwich over clusters (White 1982, Liang-Zeger 1986).

    ridge: weights of half the squared strengths and effects, added to the summed loss; 0 shrinks nothing. Raises
    ValueError when the likelihood has no maximum: see `components`.
    """
    groups = components(battles, len(players))
    if len(set(groups.tolist())) > 1 and ridge[0] == 0:
        raise ValueError("some players never lost to the others, or never met them: their distance is not finite")
    problem = _Problem(battles, len(players), ties, ridge)
    theta, value = np.zeros(problem.size), problem.loss(np.zeros(problem.size))
    ones = np.zeros(problem.size)
    ones[: len(players)] = 1.0
    whole = np.zeros(len(battles.left), np.int64)
    for _ in range(_STEPS):
        slopes = problem.slopes(theta)
        down = problem.gradients(slopes, whole, 1)[0] - problem.penalty * theta
        bend = problem.curvature(slopes) + np.diag(problem.penalty)
        try:
            step = np.linalg.solve(
                bend + np.outer(ones, ones), down
            )  # only differences are determined: their mean is 0
        except np.linalg.LinAlgError:
            raise ValueError("an effect cannot be told apart from the strengths") from None
        if down @ step < _TOLERANCE * max(1.0, abs(value)):
            theta = theta + step  # the last digits: so near the maximum a full step squares the error
            break
        scale = 1.0
        while (after := problem.loss(theta + scale * step)) > value - 1e-4 * scale * (down @ step) and scale > 1e-8:
            scale /= 2
        theta, value = theta + scale * step, after
    else:
        raise ValueError("the likelihood has no maximum: an effect separates the outcomes")
    theta[: len(players)] -= theta[: len(players)].mean()
    covariance, clusters = _sandwich(problem, theta, ones)
    tie = float(theta[-1]) if ties == "davidson" else None
    effects = theta[len(players) : len(players) + problem.effects]
    return Fit(tuple(players), theta[: len(players)], effects, tie, covariance, value, len(battles.left), clusters)


def _sandwich(problem: _Problem, theta: Floats, ones: Floats) -> tuple[Floats, int]:
    n = len(problem.battles.left)
    cluster = np.arange(n) if problem.battles.cluster is None else problem.battles.cluster
    names, groups = np.unique(cluster, return_inverse=True)
    slopes = problem.slopes(theta)
    sums = problem.gradients(slopes, groups, len(names))
    meat = sums.T @ sums * (len(names) / max(len(names) - 1, 1))
    bend = problem.curvature(slopes) + np.diag(problem.penalty)
    bread = np.linalg.inv(bend + np.outer(ones, ones))
    bread -= np.outer(ones, ones) / (ones @ ones) ** 2  # what the mean's own row added
    return bread @ meat @ bread, len(names)


def components(battles: Battles, players: int) -> Ints:
    """Which players can be compared: the strongly connected parts of "has taken a point from", int64 [players].

    Only within one part is the maximum of the likelihood finite (Ford 1957); a tie takes points both ways.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    counted = np.ones(len(battles.left), bool) if battles.weight is None else battles.weight > 0
    won, lost = (battles.outcome > 0) & counted, (battles.outcome < 1) & counted
    begin = np.concatenate([battles.left[won], battles.right[lost]])
    end = np.concatenate([battles.right[won], battles.left[lost]])
    graph = coo_matrix((np.ones(len(begin)), (begin, end)), shape=(players, players))
    return connected_components(graph, directed=True, connection="strong")[1].astype(np.int64)
