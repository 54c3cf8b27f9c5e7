"""The length-controlled win rate of AlpacaEval 2: what the win rate would be if both answers were equally long.

A logistic model of each preference has three terms (Dubois et al., arXiv 2404.04475): the tanh of the standardised
difference in length, the instruction's difficulty, and a constant of the model. It is fitted with an L1 penalty whose
weight is chosen by five folds, as alpaca_eval 0.6.6 does with liblinear; ours solves the same problem exactly. The rate
is the mean prediction with the first term at 0. Its interval comes from refits on resampled rows: the mean
prediction's own spread, which alpaca_eval reports as an error, does not know that the model was fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.statistics.bootstrap import resample

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STRENGTHS: Floats = np.logspace(-4, 4, 10)
FOLDS = 5
GAMED_WEIGHT = 0.2 / 2
"""Weight of a row of each of the two gamed baselines, which hold the effect of length in place."""
_STEPS = 60
_TOLERANCE = 1e-11


class Rows(NamedTuple):
    """Preferences to fit: share in [0, 1] [rows], length and difficulty [rows], and the weight of each row."""

    share: Floats
    length: Floats
    difficulty: Floats
    own: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class Controlled:
    """A length-controlled win rate, in percent.

    rate: the mean prediction at equal length. error, low, high: from refits on resampled rows. naive_error: the
    standard error of the mean prediction, which alpaca_eval prints. length, difficulty, constant: the model's
    coefficients. strength: the C that the folds chose.
    """

    rate: float
    error: float
    low: float
    high: float
    naive_error: float
    length: float
    difficulty: float
    constant: float
    strength: float


def standard_lengths(baseline: Ints, model: Ints) -> Floats:
    """Characters of the baseline's answer less those of the model's, in standard deviations (n - 1 below)."""
    delta = (baseline - model).astype(np.float64)
    spread = float(delta.std(ddof=1)) if len(delta) > 1 else 0.0
    return delta / spread if spread > 0 else np.zeros_like(delta)


def model_rows(share: Floats, lengths: Floats, difficulty: Floats) -> Rows:
    """The rows of the judged model; `lengths` as `standard_lengths` gives them."""
    ones = np.ones(len(share))
    return Rows(share, np.tanh(lengths), difficulty, ones, ones)


def gamed_rows(share: Floats, lengths: Floats, difficulty: Floats) -> Rows:
    """Rows of the verbose and the concise baseline, for which the constant does not stand."""
    zero = np.zeros(len(share))
    return Rows(share, np.tanh(lengths), difficulty, zero, zero + GAMED_WEIGHT)


def controlled(model: Rows, gamed: Rows | None = None, *, draws: int = 200, seed: int = 0) -> Controlled:
    """Fit, predict at equal length, refit on `draws` resamples of the model's rows. NaN shares must be left out."""
    x, share, weight = _design(model, gamed)
    strength = _choose(x, share, weight)
    beta = solve(x, share, weight, strength)
    predictions = _predict(beta, model)
    n = len(model.share)
    rates = _refits(model, gamed, strength, beta, draws, seed)
    low, high = np.quantile(rates, (0.025, 0.975)) if draws else (np.nan, np.nan)
    return Controlled(
        100 * float(predictions.mean()),
        100 * float(rates.std(ddof=1)) if draws > 1 else float("nan"),
        100 * float(low),
        100 * float(high),
        100 * float(predictions.std(ddof=1)) / np.sqrt(n),
        float(beta[0]),
        float(beta[1]),
        float(beta[2]),
        strength,
    )


def refits(model: Rows, gamed: Rows | None, fitted: Controlled, draws: int, seed: int = 0) -> Floats:
    """Length-controlled rates of refits on resampled rows of the model, [draws] in [0, 1]; as many rows with the same
    seed are drawn alike."""
    start = np.array([fitted.length, fitted.difficulty, fitted.constant])
    return _refits(model, gamed, fitted.strength, start, draws, seed)


def _refits(model: Rows, gamed: Rows | None, strength: float, start: Floats, draws: int, seed: int) -> Floats:
    x, share, weight = _design(model, gamed)
    n = len(model.share)
    rates = np.empty(draws)
    for number in range(draws):
        counts = np.bincount(resample(n, number, seed), minlength=n)
        again = solve(x, share, weight * np.concatenate([counts, np.ones(len(share) - n)]), strength, start)
        rates[number] = _predict(again, model) @ counts / n
    return rates


def predicted(difficulty: Floats, slope: float, constant: float) -> Floats:
    """Preferences at equal length from published coefficients, [rows] in [0, 1]."""
    return 1 / (1 + np.exp(-(slope * difficulty + constant)))


def _predict(beta: Floats, rows: Rows) -> Floats:
    return predicted(rows.difficulty, beta[1], beta[2])


def _design(model: Rows, gamed: Rows | None) -> tuple[Floats, Floats, Floats]:
    parts = [model] if gamed is None else [model, gamed]
    share, length, difficulty, own, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    return np.stack([length, difficulty, own], 1), share, weight


def _choose(x: Floats, share: Floats, weight: Floats) -> float:
    """The C whose mean weighted log loss over held-out folds is least; the first of equals."""
    folds = np.arange(len(share)) % FOLDS
    losses = np.zeros(len(STRENGTHS))
    for fold in range(min(FOLDS, len(share))):
        kept, out = folds != fold, folds == fold
        beta = np.zeros(3)
        for place, strength in enumerate(STRENGTHS):
            beta = solve(x[kept], share[kept], weight[kept], float(strength), beta)
            losses[place] += _loss(x[out], share[out], weight[out], beta) / out.sum()
    return float(STRENGTHS[int(np.argmin(losses))])


def _loss(x: Floats, share: Floats, weight: Floats, beta: Floats) -> float:
    eta = x @ beta
    return float(weight @ (np.logaddexp(0, eta) - share * eta))


def solve(x: Floats, share: Floats, weight: Floats, strength: float, start: Floats | None = None) -> Floats:
    """argmin over b of |b|_1 + strength * sum w (log(1 + e^xb) - share * xb), by proximal Newton steps."""
    beta = np.zeros(x.shape[1]) if start is None else start.copy()
    value = np.abs(beta).sum() + strength * _loss(x, share, weight, beta)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-(x @ beta)))
        slope = strength * (x.T @ (weight * (chance - share)))
        bend = strength * (x.T @ (x * (weight * chance * (1 - chance))[:, None])) + 1e-12 * np.eye(len(beta))
        step = _lasso(slope, bend, beta) - beta
        if np.abs(step).max() < _TOLERANCE * max(1.0, np.abs(beta).max()):
            break
        scale = 1.0
        while True:
            after = beta + scale * step
            new = np.abs(after).sum() + strength * _loss(x, share, weight, after)
            if new <= value or scale < 1e-9:
                break
            scale /= 2
        gain, beta, value = value - new, after, new
        if gain <= 1e-15 * abs(value):  # all that the arithmetic can tell: after a Newton step the rest is its square
            break
    return beta


def _lasso(slope: Floats, bend: Floats, beta: Floats) -> Floats:
    """The minimum of slope @ d + d @ bend @ d / 2 + |beta + d|_1 over beta + d, coordinate by coordinate."""
    new = beta.copy()
    for _ in range(200):
        before = new.copy()
        for k in range(len(beta)):
            rest = slope[k] + bend[k] @ (new - beta) - bend[k, k] * (new[k] - beta[k])
            centre = beta[k] - rest / bend[k, k]
            new[k] = np.sign(centre) * max(abs(centre) - 1 / bend[k, k], 0.0)
        if np.abs(new - before).max() <= 1e-14 * max(1.0, np.abs(new).max()):
            break
    return new
