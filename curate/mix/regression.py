"""Regression on trials (RegMix): from mixtures and what they gave to the best mixture, with how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from curate.mix.models import Floats, Quality, compare, frozen
from curate.mix.optimum import minimum as lowest
from curate.mix.optimum import project
from curate.mix.trials import Trials
from workbench.errors import UserError

_TAILS = (5.0, 95.0)
_SEARCH_AGAIN = 4_000  # draws for each bootstrap, whose optimum need not be found to the last digit


@dataclass(frozen=True)
class Answer:
    """The best mixture, what is predicted of it, and how well that could be predicted.

    weights, low, high: of each group of the trials, with their 90 % interval. predicted: in the metric's own sense,
    with the 90 % interval of what a trial of this mixture would give. best_trial: the best value that was measured.
    qualities: of every kind of model, the chosen one first. at_edge: groups whose weight stands at the edge of what was
    tried.
    """

    groups: list[str]
    weights: Floats
    low: Floats
    high: Floats
    predicted: float
    predicted_low: float
    predicted_high: float
    best_trial: float
    qualities: list[Quality]
    at_edge: list[str]


def solve(
    trials: Trials,
    *,
    goal: Literal["min", "max"] = "min",
    caps: Floats | None = None,
    minimum: Mapping[str, float] | None = None,
    maximum: Mapping[str, float] | None = None,
    drop_below: float = 0.0,
    bootstraps: int = 100,
    seed: int = 0,
    error: Callable[[str, str], UserError] = lambda message, hint: UserError(message, hint=hint),
) -> Answer:
    """The best mixture within bounds.

    caps: the largest weight of each group that its tokens and max_epochs allow. A weight is never sought outside of
    what the trials tried: beyond that a surface is a guess. `error` makes the user's error at the right place.
    """
    sign = 1.0 if goal == "min" else -1.0
    losses = sign * trials.values
    lower, upper = _bounds(trials, caps, minimum or {}, maximum or {}, error)
    ranking = compare(trials.weights, losses, seed)
    kind, model, _ = ranking[0]
    best = lowest(model, kind.smooth, trials.weights, lower, upper, seed)
    small = (best > 0) & (best < drop_below)
    if small.any():
        lower, upper = np.where(small, 0.0, lower), np.where(small, 0.0, upper)
        _must_fit(lower, upper, error)
        best = lowest(model, kind.smooth, trials.weights, lower, upper, seed)
    predictions, optima = _bootstrap(model, kind.smooth, trials.weights, losses, best, lower, upper, bootstraps, seed)
    # What a trial there would give is off by the spread of the models and by what any of them misses.
    around = predictions[:, None] + ranking[0][2].errors
    predicted_low, predicted_high = sorted(sign * np.percentile(around, _TAILS))
    low, high = np.percentile(optima, _TAILS, axis=0)
    tried = trials.weights.min(axis=0), trials.weights.max(axis=0)
    edge = ((best <= tried[0] + 1e-6) & (best > 0)) | (best >= tried[1] - 1e-6)
    return Answer(
        trials.groups,
        best,
        np.minimum(low, best),
        np.maximum(high, best),
        float(sign * model.predict(best[None, :])[0]),
        float(predicted_low),
        float(predicted_high),
        float(sign * losses.min()),
        [quality for _, _, quality in ranking],
        [name for name, there in zip(trials.groups, edge, strict=True) if there],
    )


def _bounds(
    trials: Trials,
    caps: Floats | None,
    minimum: Mapping[str, float],
    maximum: Mapping[str, float],
    error: Callable[[str, str], UserError],
) -> tuple[Floats, Floats]:
    """The lowest and the highest weight of each group: asked, allowed by the tokens, and tried."""
    tried_low, tried_high = trials.weights.min(axis=0), trials.weights.max(axis=0)
    floor = np.array([minimum.get(name, 0.0) for name in trials.groups])
    ceiling = np.array([maximum.get(name, 1.0) for name in trials.groups])
    if caps is not None:
        ceiling = np.minimum(ceiling, caps)
    for name, least, most in zip(trials.groups, floor, ceiling, strict=True):
        if least > most:
            message = f"'{name}' must have a weight of at least {least:.4g}, but can have at most {most:.4g}"
            raise error(message, "lower its minimum or the budget, or raise its maximum or max_epochs")
    # What the user or the tokens demand outranks what was tried.
    lower = np.clip(tried_low, floor, ceiling)
    upper = np.clip(tried_high, floor, ceiling)
    if upper.sum() < 1:
        upper = ceiling
    if lower.sum() > 1:
        lower = floor
    _must_fit(lower, upper, error)
    return lower, upper


def _must_fit(lower: Floats, upper: Floats, error: Callable[[str, str], UserError]) -> None:
    if upper.sum() < 1 - 1e-9:
        message = f"the groups of the trials can have at most {upper.sum():.4g} of the budget together"
        raise error(message, "lower the budget, raise max_epochs or the maximum weights")
    if lower.sum() > 1 + 1e-9:
        raise error(f"the minimum weights sum to {lower.sum():.4g}", "lower some")


def _bootstrap(
    fitted: Any,
    smooth: bool,
    weights: Floats,
    losses: Floats,
    best: Floats,
    lower: Floats,
    upper: Floats,
    count: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Predictions at `best` [count] and optima [count, groups] of models fitted to resampled trials."""
    predictions, optima = np.empty(count), np.empty((count, len(best)))
    for number in range(count):
        rows = np.random.default_rng([seed, 2, number]).integers(len(losses), size=len(losses))
        model = frozen(fitted).fit(weights[rows], losses[rows])
        predictions[number] = model.predict(best[None, :])[0]
        found = lowest(model, smooth, weights, lower, upper, seed, search=_SEARCH_AGAIN)
        optima[number] = project(found[None, :], lower, upper)[0]
    return predictions, optima
