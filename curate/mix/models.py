"""What a mixture's loss may look like: models of a table of trials, fitted and compared by cross-validation.

RegMix (Liu et al. 2024, arXiv:2407.01492) fits gradient boosting to some hundred trials; with few of them a smooth
surface in the logarithms of the weights tells more, so the data decide which is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FOLDS = 8
ROUNDS = 3
# Added to a weight before its logarithm: a group that a trial left out has a finite one. Cross-validation chooses.
OFFSETS = (0.003, 0.03, 0.3)
_PENALTIES = np.logspace(-6, 3, 19)


class Model(Protocol):
    """Anything with scikit-learn's two verbs."""

    def fit(self, weights: Floats, losses: Floats) -> object: ...

    def predict(self, weights: Floats) -> Floats: ...


@dataclass(frozen=True)
class Candidate:
    """A kind of model: its name, how one is made, and whether its surface is smooth enough to walk down."""

    name: str
    make: Callable[[], Model]
    smooth: bool


@dataclass(frozen=True)
class Quality:
    """How well a kind of model predicts trials that it was not fitted to."""

    name: str
    r2: float
    rank_correlation: float


def logarithms(weights: Floats, offset: float) -> Floats:
    """Features of the log-linear model: weights and their logarithms. [trials, 2 * groups]"""
    return np.hstack([weights, np.log(weights + offset)])


def log_ratios(weights: Floats, offset: float) -> Floats:
    """Features of the quadratic model: weights, centred log ratios (Aitchison 1986) and all their products of two."""
    logs = np.log(weights + offset)
    ratios = logs - logs.mean(axis=1, keepdims=True)
    left, right = np.triu_indices(weights.shape[1])
    return np.hstack([weights, ratios, ratios[:, left] * ratios[:, right]])


def candidates(seed: int) -> list[Candidate]:
    """The kinds that are compared: two smooth ones at three offsets, and boosted trees."""
    from functools import partial

    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    def ridge(features: Callable[[Floats, float], Floats], offset: float) -> Model:
        lift = FunctionTransformer(features, kw_args={"offset": offset})
        return make_pipeline(lift, StandardScaler(), RidgeCV(_PENALTIES))

    kinds = [("log-linear", logarithms), ("quadratic", log_ratios)]
    smooth = [
        Candidate(f"{name} ({offset:g})", partial(ridge, features, offset), True)
        for name, features in kinds
        for offset in OFFSETS
    ]
    boosting = partial(
        GradientBoostingRegressor,
        n_estimators=200,
        learning_rate=0.05,
        max_depth=2,
        subsample=0.8,
        min_samples_leaf=3,
        random_state=seed,
    )
    return [*smooth, Candidate("boosting", boosting, False)]


def compare(weights: Floats, losses: Floats, seed: int) -> list[tuple[Candidate, Quality]]:
    """Every kind with its quality by repeated cross-validation, the best first.

    weights: [trials, groups]; losses: [trials]. A kind's R2 is that of its predictions over all folds and rounds.
    """
    from scipy.stats import spearmanr  # type: ignore[import-untyped]

    found = []
    for candidate in candidates(seed):
        predicted = np.empty((ROUNDS, len(losses)))
        for number in range(ROUNDS):
            for test in _folds(len(losses), seed, number):
                train = np.setdiff1d(np.arange(len(losses)), test)
                model = candidate.make()
                model.fit(weights[train], losses[train])
                predicted[number, test] = model.predict(weights[test])
        r2 = 1 - np.mean((predicted - losses) ** 2) / np.var(losses)
        ranks = [spearmanr(row, losses).statistic if np.ptp(row) else 0.0 for row in predicted]
        found.append((candidate, Quality(candidate.name, float(r2), float(np.mean(ranks)))))
    return sorted(found, key=lambda pair: -pair[1].r2)


def _folds(count: int, seed: int, number: int) -> list[npt.NDArray[np.intp]]:
    order = np.random.default_rng([seed, number]).permutation(count)
    return np.array_split(order, min(FOLDS, count))
