"""Gradient boosting of small trees for the logistic loss, on columns cut into bins, in one thread.

After Friedman's stochastic gradient boosting with second-order leaves (Chen and Guestrin, 2016, equations 5 to 7):
every tree sees a random part of the rows and of the columns. Written here because it takes a quarter of the time that
the library at hand needs, on any number of processors, and gives the same trees for the same seed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from curate.extract.winnow.trees import DEPTH, Trees

BINS = 64
Array = np.ndarray[Any, Any]


class Options(NamedTuple):
    """How many trees, how fast; parts of rows and columns a tree sees; least weight in a leaf; shrinkage."""

    trees: int = 150
    rate: float = 0.12
    rows: float = 0.33
    columns: float = 0.25
    least: float = 4.0
    shrink: float = 3.0


class Binned(NamedTuple):
    """Columns in bins (uint8[columns, rows]) and the highest value of each bin but the last (a row a column)."""

    bins: Array
    edges: list[Array]


def cut(table: Array, seed: int = 0) -> Binned:
    """Bins of about equally many rows; bin k holds the values above edge k - 1 and up to edge k."""
    rows = len(table)
    some = table
    if rows > 20_000:
        some = table[np.random.default_rng(seed).choice(rows, 20_000, replace=False)]
    bins = np.empty((table.shape[1], rows), np.uint8)
    edges = []
    for column in range(table.shape[1]):
        values = np.unique(some[:, column])
        if len(values) > BINS:
            ranks = np.quantile(some[:, column], np.linspace(0, 1, BINS + 1)[1:-1], method="lower")
            values = np.unique(np.append(ranks, values[0]))
        else:
            values = values[:-1]
        edges.append(values.astype(np.float32))
        bins[column] = np.searchsorted(edges[-1], table[:, column], side="left")
    return Binned(bins, edges)


def grow(binned: Binned, rows: Array, label: Array, weight: Array, options: Options, seed: int) -> Trees:
    """Trees that tell rows of label 1 from those of label 0; `rows` are positions of the labels in the bins."""
    dice = np.random.default_rng(seed)
    weight = weight / weight.mean()
    rate = float(np.clip(np.average(label, weights=weight), 1e-4, 1 - 1e-4))
    start = float(np.log(rate / (1 - rate)))
    score = np.full(len(rows), start)
    usable = np.array([k for k, edge in enumerate(binned.edges) if len(edge)])
    many = max(1, int(options.columns * len(usable)))
    parts: list[tuple[Array, ...]] = []
    for _ in range(options.trees):
        chance = 1 / (1 + np.exp(-score))
        gradient = (chance - label) * weight
        curve = np.maximum(chance * (1 - chance), 1e-6) * weight
        seen = np.flatnonzero(dice.random(len(rows)) < options.rows)
        columns = np.sort(dice.choice(usable, many, replace=False))
        column, cutoff, value = _tree(
            binned.bins, rows, seen, columns, gradient, curve, weight, DEPTH, options.least, options.shrink
        )
        value *= options.rate
        score += value[_leaf(binned.bins, rows, column, cutoff, DEPTH)]
        parts.append((column, cutoff, value))
    return _stacked(parts, binned.edges, start)


def mean(found: list[Trees]) -> Trees:
    """The trees whose sum is the mean of these sums."""
    return Trees(
        np.concatenate([trees.feature for trees in found]),
        np.concatenate([trees.threshold for trees in found]),
        np.concatenate([trees.value for trees in found]) / np.float32(len(found)),
        sum(trees.start for trees in found) / len(found),
    )


@njit(cache=True)
def _tree(bins, rows, seen, columns, gradient, curve, weight, depth, least, shrink):  # type: ignore[no-untyped-def]
    """Column (-1: no split) and bin of the inner nodes of a full tree, level by level; values of its leaves."""
    inner = (1 << depth) - 1
    column = np.full(inner, -1, np.int64)
    cutoff = np.zeros(inner, np.int64)
    place = np.zeros(len(seen), np.int32)
    hist = np.zeros((1 << (depth - 1), 64, 3))
    for level in range(depth):
        width = 1 << level
        best = np.zeros(width)
        for c in columns:
            hist[:width] = 0
            values = bins[c]
            for k in range(len(seen)):
                row = seen[k]
                cell = hist[place[k], values[rows[row]]]
                cell[0] += gradient[row]
                cell[1] += curve[row]
                cell[2] += weight[row]
            for node in range(width):
                g = h = w = 0.0
                for b in range(64):
                    g += hist[node, b, 0]
                    h += hist[node, b, 1]
                    w += hist[node, b, 2]
                whole = g * g / (h + shrink)
                gl = hl = wl = 0.0
                for b in range(63):
                    if hist[node, b, 2] == 0:
                        continue
                    gl += hist[node, b, 0]
                    hl += hist[node, b, 1]
                    wl += hist[node, b, 2]
                    if wl < least:
                        continue
                    if w - wl < least:
                        break
                    gain = gl * gl / (hl + shrink) + (g - gl) * (g - gl) / (h - hl + shrink) - whole
                    if gain > best[node] + 1e-6:
                        best[node] = gain
                        column[width - 1 + node] = c
                        cutoff[width - 1 + node] = b
        for k in range(len(seen)):
            node = place[k]
            at = width - 1 + node
            right = column[at] >= 0 and bins[column[at], rows[seen[k]]] > cutoff[at]
            place[k] = 2 * node + (1 if right else 0)
    leaves = 1 << depth
    sums = np.zeros((leaves, 2))
    for k in range(len(seen)):
        sums[place[k], 0] += gradient[seen[k]]
        sums[place[k], 1] += curve[seen[k]]
    return column, cutoff, -sums[:, 0] / (sums[:, 1] + shrink)


@njit(cache=True)
def _leaf(bins, rows, column, cutoff, depth):  # type: ignore[no-untyped-def]
    """The leaf of every row."""
    out = np.empty(len(rows), np.int64)
    for k in range(len(rows)):
        node = 0
        for level in range(depth):
            at = (1 << level) - 1 + node
            right = column[at] >= 0 and bins[column[at], rows[k]] > cutoff[at]
            node = 2 * node + (1 if right else 0)
        out[k] = node
    return out


def _stacked(parts: list[tuple[Array, ...]], edges: list[Array], start: float) -> Trees:
    """The trees one above the other; a node that does not split sends all rows left."""
    column, cutoff, value = (np.array(found) for found in zip(*parts, strict=True))
    threshold = np.full(column.shape, np.inf, np.float32)
    for place in np.argwhere(column >= 0):
        at = tuple(place)
        threshold[at] = edges[column[at]][cutoff[at]]
    return Trees(np.maximum(column, 0).astype(np.int16), threshold, value.astype(np.float32), start)
