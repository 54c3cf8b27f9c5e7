"""Response surfaces whose best mixture is known, and tables of trials of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curate.mix.models import Floats
from curate.mix.trials import Trials

Surface = Callable[[Floats], Floats]


def bowl(groups: int, random: np.random.Generator) -> tuple[Surface, float]:
    """A quadratic around a mixture drawn at random, with interactions; the best loss is 2."""
    centre = random.dirichlet(np.full(groups, 2.0))
    shape = 0.5 * random.normal(size=(groups, groups)) + np.eye(groups)
    return (lambda weights: 2 + 3 * (((weights - centre) @ shape) ** 2).sum(axis=1)), 2.0


def power(groups: int, random: np.random.Generator) -> tuple[Surface, float]:
    """Each group's loss falls as a power of its weight; the optimum by Lagrange: weights where the slopes are equal."""
    size, fall = random.uniform(0.2, 1.0, groups), random.uniform(0.2, 0.6, groups)

    def loss(weights: Floats) -> Floats:
        return 1.5 + (size * (weights + 0.01) ** -fall).mean(axis=1)

    def at(slope: float) -> Floats:
        return np.maximum((size * fall / slope) ** (1 / (fall + 1)) - 0.01, 0.0)

    low, high = 1e-6, 1e6
    for _ in range(200):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if at(middle).sum() > 1 else (low, middle)
    best = at(high)
    return loss, float(loss((best / best.sum())[None, :])[0])


def exponential(groups: int, random: np.random.Generator) -> tuple[Surface, float]:
    """The mixing law of Ye et al. 2024, c + k exp(t w) for each group's loss; convex, so descent finds its best."""
    from scipy.optimize import minimize

    floor, height = random.uniform(1.5, 2.5, groups), random.uniform(0.5, 2.0, groups)
    slope = -0.8 * random.uniform(0, 1, (groups, groups))
    slope[np.arange(groups), np.arange(groups)] -= random.uniform(2, 6, groups)

    def loss(weights: Floats) -> Floats:
        return (floor + height * np.exp(weights @ slope.T)).mean(axis=1)

    total = {"type": "eq", "fun": lambda point: point.sum() - 1}
    start = np.full(groups, 1 / groups)
    found = minimize(
        lambda point: float(loss(point[None, :])[0]), start, bounds=[(0, 1)] * groups, constraints=[total], tol=1e-12
    )
    return loss, float(found.fun)


SURFACES = {"bowl": bowl, "power": power, "exponential": exponential}


def trials(loss: Surface, groups: int, random: np.random.Generator, noise: float, count: int = 64) -> Trials:
    """`count` mixtures drawn from a Dirichlet, each with its loss times a lognormal noise."""
    weights = random.dirichlet(np.ones(groups), count)
    values = loss(weights) * np.exp(noise * random.normal(size=count))
    return Trials([f"group{number}" for number in range(groups)], weights, values)
