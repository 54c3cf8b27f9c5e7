"""What a mixture's loss may look like: models of a table of trials, fitted and compared by cross-validation.

RegMix (Liu et al. 2024, arXiv:2407.01492) fits gradient boosting to some hundred trials; with few of them a smooth
surface in the weights or their logarithms tells more, so the data decide which is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FOLDS = 5
ROUNDS = 2
# Added to a weight before its logarithm: a group that a trial left out has a finite one. Cross-validation chooses.
OFFSETS = (0.003, 0.03, 0.3)
_PENALTIES = np.logspace(-6, 3, 19)


@dataclass(frozen=True)
class Candidate:
    """A kind of model: its name, how one is made, and whether its surface is smooth enough to walk down."""

    name: str
    make: Callable[[], Any]
    smooth: bool

    def fit(self, weights: Floats, losses: Floats) -> Any:
        """A new model of this kind, fitted with all it has to choose: penalty or length of its kernel."""
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():
            # A kernel's bound was reached or its search stopped early: cross-validation judges what came out.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return self.make().fit(weights, losses)


@dataclass(frozen=True)
class Quality:
    """How well a kind of model predicts trials that it was not fitted to; `errors`: what was less what it said."""

    name: str
    r2: float
    rank_correlation: float
    errors: Floats


def logarithms(weights: Floats, offset: float) -> Floats:
    """Features of the log-linear model: weights and their logarithms. [trials, 2 * groups]"""
    return np.hstack([weights, np.log(weights + offset)])


def log_ratios(weights: Floats, offset: float) -> Floats:
    """Features of the quadratic model: weights, centred log ratios (Aitchison 1986) and all their products of two."""
    logs = np.log(weights + offset)
    ratios = logs - logs.mean(axis=1, keepdims=True)
    left, right = np.triu_indices(weights.shape[1])
    return np.hstack([weights, ratios, ratios[:, left] * ratios[:, right]])


def products(weights: Floats) -> Floats:
    """Features of a quadratic surface in the weights themselves: all products of two (Scheffe 1958)."""
    left, right = np.triu_indices(weights.shape[1])
    return np.hstack([weights, weights[:, left] * weights[:, right]])


def candidates(seed: int) -> list[Candidate]:
    """The kinds that are compared: ridges on three kinds of features, Gaussian processes, and boosted trees."""
    from functools import partial

    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    def ridge(features: Callable[..., Floats], **settings: float) -> Any:
        return make_pipeline(FunctionTransformer(features, kw_args=settings), StandardScaler(), RidgeCV(_PENALTIES))

    def process(features: Callable[..., Floats] | None, **settings: float) -> Any:
        # A plane, a smooth departure from it, and noise; how much of each, the trials say.
        plane = ConstantKernel(1.0) * DotProduct(1.0)
        kernel = plane + ConstantKernel(1.0) * RBF(3.0, (0.3, 100.0)) + WhiteKernel(1e-3, (1e-8, 10.0))
        regressor = GaussianProcessRegressor(kernel, normalize_y=True)
        return make_pipeline(FunctionTransformer(features, kw_args=settings), StandardScaler(), regressor)

    boosting = partial(
        GradientBoostingRegressor,
        n_estimators=100,
        learning_rate=0.1,
        max_depth=2,
        subsample=0.8,
        min_samples_leaf=3,
        random_state=seed,
    )
    return [
        *(Candidate(f"log-linear ({offset:g})", partial(ridge, logarithms, offset=offset), True) for offset in OFFSETS),
        *(Candidate(f"quadratic ({offset:g})", partial(ridge, log_ratios, offset=offset), True) for offset in OFFSETS),
        Candidate("products", partial(ridge, products), True),
        *(Candidate(f"process ({offset:g})", partial(process, _log, offset=offset), True) for offset in OFFSETS[1:]),
        Candidate("process", partial(process, None), True),
        Candidate("boosting", boosting, False),
    ]


def _log(weights: Floats, offset: float) -> Floats:
    return np.log(weights + offset)


def frozen(model: Any) -> Any:
    """A new model like a fitted one, with what that chose: its penalty or its kernel.

    For bootstraps, whose repeated trials would make any choice by leaving one out believe that there is no noise.
    """
    from sklearn.base import clone
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.linear_model import Ridge, RidgeCV
    from sklearn.pipeline import Pipeline

    new = clone(model)
    if isinstance(model, Pipeline):
        last = model[-1]
        if isinstance(last, RidgeCV):
            new.steps[-1] = ("ridge", Ridge(last.alpha_))
        elif isinstance(last, GaussianProcessRegressor):
            new.steps[-1] = ("process", GaussianProcessRegressor(last.kernel_, optimizer=None, normalize_y=True))
    return new


def compare(weights: Floats, losses: Floats, seed: int) -> list[tuple[Candidate, Any, Quality]]:
    """Every kind, fitted to all trials, with its quality by repeated cross-validation; the best first.

    weights: [trials, groups]; losses: [trials]. Penalties and kernels are chosen once, on all trials; everything else
    is fitted again without the trials that are predicted. R2 is that of the predictions over all folds and rounds.
    """
    from scipy.stats import spearmanr

    found = []
    folds = [(number, test) for number in range(ROUNDS) for test in _folds(len(losses), seed, number)]
    for candidate in candidates(seed):
        model = candidate.fit(weights, losses)
        predicted = np.empty((ROUNDS, len(losses)))
        for number, test in folds:
            train = np.setdiff1d(np.arange(len(losses)), test)
            predicted[number, test] = frozen(model).fit(weights[train], losses[train]).predict(weights[test])
        r2 = 1 - np.mean((predicted - losses) ** 2) / np.var(losses)
        ranks = [spearmanr(row, losses).statistic if np.ptp(row) else 0.0 for row in predicted]
        found.append(
            (candidate, model, Quality(candidate.name, float(r2), float(np.mean(ranks)), (losses - predicted).ravel()))
        )
    return sorted(found, key=lambda entry: -entry[2].r2)


def _folds(count: int, seed: int, number: int) -> list[npt.NDArray[np.intp]]:
    order = np.random.default_rng([seed, number]).permutation(count)
    return np.array_split(order, min(FOLDS, count))
