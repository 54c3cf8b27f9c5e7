"""The best mixture that a fitted model knows, within bounds: seeded search, then a walk downhill."""

from __future__ import annotations

from typing import Any

import numpy as np

from curate.mix.models import Floats

SEARCH = 20_000
STARTS = 5
_AVERAGED = 100


def project(points: Floats, lower: Floats, upper: Floats) -> Floats:
    """The nearest mixtures within bounds: each row sums to 1 and lies between `lower` and `upper`.

    The Euclidean projection is clip(point - shift); the shift of each row is found by bisection.
    """
    low = (points - upper).min(axis=1)
    high = (points - lower).max(axis=1)
    for _ in range(60):
        shift = (low + high) / 2
        over = np.clip(points - shift[:, None], lower, upper).sum(axis=1) > 1
        low, high = np.where(over, shift, low), np.where(over, high, shift)
    return np.clip(points - high[:, None], lower, upper)


def draw(trials: Floats, lower: Floats, upper: Floats, count: int, seed: int) -> Floats:
    """`count` mixtures within bounds: Dirichlet draws, wide and narrow, around the mean and around each trial."""
    random = np.random.default_rng([seed, 1])
    centres = np.vstack([np.broadcast_to(trials.mean(axis=0), trials.shape), trials])
    chosen = centres[random.integers(len(centres), size=count)]
    spread = 10 ** random.uniform(0.3, 2.5, size=(count, 1))
    drawn = random.standard_gamma(np.maximum(chosen * spread, 0.02))
    total = drawn.sum(axis=1, keepdims=True)
    return project(np.where(total > 0, drawn / np.where(total > 0, total, 1), chosen), lower, upper)


def minimum(
    model: Any, smooth: bool, trials: Floats, lower: Floats, upper: Floats, seed: int, search: int = SEARCH
) -> Floats:
    """The mixture of the lowest predicted loss. [groups]

    A smooth model is walked downhill from the best draws (SLSQP); of trees, which are flat between their steps, the
    mean of the best hundred draws is taken, as RegMix does.
    """
    from scipy.optimize import minimize

    drawn = draw(trials, lower, upper, search, seed)
    losses = model.predict(drawn)
    order = np.argsort(losses, kind="stable")
    if not smooth:
        return project(drawn[order[:_AVERAGED]].mean(axis=0, keepdims=True), lower, upper)[0]
    scale = float(np.std(losses)) or 1.0

    def loss(point: Floats) -> float:
        return float(model.predict(point[None, :])[0]) / scale

    def slope(point: Floats) -> Floats:
        step = 1e-6
        moves = np.vstack([point + step * np.eye(len(point)), point - step * np.eye(len(point))])
        ahead, behind = np.split(model.predict(np.maximum(moves, 0)), 2)
        return (ahead - behind) / (2 * step * scale)

    best, value = drawn[order[0]], loss(drawn[order[0]])
    total: dict[str, Any] = {"type": "eq", "fun": lambda point: point.sum() - 1, "jac": np.ones_like}
    for start in order[:STARTS]:
        bounds = list(zip(lower, upper, strict=True))
        ended = minimize(loss, drawn[start], jac=slope, bounds=bounds, constraints=[total], method="SLSQP")
        point = project(np.asarray(ended.x, np.float64)[None, :], lower, upper)[0]
        if np.isfinite(point).all() and loss(point) < value:
            best, value = point, loss(point)
    return best
