"""Budgets of groups: natural, by temperature, UniMax, and what a cap on epochs leaves of them.

All take the tokens that are there by group and give the tokens that are wanted of each. [groups]
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Relative: sums of shares are not exact, and an ask that fills everything to the brim is possible.
SLACK = 1e-9


def tempered(available: Floats, temperature: float) -> Floats:
    """Shares proportional to tokens^temperature (Devlin 2018; 1: natural, 0: uniform); an empty group gets none."""
    there = available > 0
    share = np.zeros_like(available)
    share[there] = (available[there] / available.sum()) ** temperature
    return share / share.sum()


def capped(shares: Floats, budget: float, most: Floats) -> Floats:
    """`budget` by `shares`, but to no group more than `most`: what a full group cannot take, the others share.

    shares: >= 0, in any scale. The result is min(scale * shares, most) with the one scale that spends the budget;
    it is below the budget only where all groups with a share are full.
    """
    given = np.zeros_like(most)
    open_ = (shares > 0) & (most > 0)
    left = float(budget)
    while open_.any():
        scale = left / shares[open_].sum()
        full = open_ & (shares * scale >= most)
        if not full.any():
            given[open_] = shares[open_] * scale
            break
        given[full] = most[full]
        left = max(0.0, left - float(most[full].sum()))
        open_ &= ~full
    return given


def unimax(available: Floats, budget: float, epochs: float) -> Floats:
    """UniMax (Chung et al. 2023, arXiv:2304.09151, algorithm 1): as even as a cap of `epochs` lets it be.

    From the smallest group to the largest, each gets an equal part of what is left of the budget, or, where that is
    more than `epochs` times its tokens, just so much.
    """
    given = np.zeros_like(available)
    order = np.argsort(available, kind="stable")
    left = float(budget)
    for rank, group in enumerate(order):
        given[group] = min(left / (len(order) - rank), available[group] * epochs)
        left -= given[group]
    return given


def curve(buckets: int, bottom: float, power: float, rate: float) -> Floats:
    """Mean of x^power e^(rate x) over each of the equal parts of [0, 1], with nothing below `bottom`. [buckets]

    Quality-aware upsampling of OLMo 3 (Dolma 3): the epochs of a bucket are C times this, C chosen by the budget.
    """
    nodes, node_weights = np.polynomial.legendre.leggauss(16)
    edges = np.linspace(0, 1, buckets + 1)
    begin = np.maximum(edges[:-1], bottom)
    width = np.maximum(edges[1:] - begin, 0)
    x = begin[:, None] + width[:, None] * (nodes + 1) / 2
    mean = (x**power * np.exp(rate * x)) @ node_weights / 2
    return np.asarray(mean * width * buckets, np.float64)
