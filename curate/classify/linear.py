"""The linear engine: logistic regression over hashed n-grams, calibrated, scored by a kernel."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.classify import features
from curate.classify.features import SLOTS, Rows
from curate.classify.settings import Linear
from workbench.errors import Exit, UserError
from workbench.files import whole_file

FILE = "linear.npz"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearModel:
    """Weights of the known slots and the calibration of each column; two exclusive classes share one column.

    slots: uint32[rows], ascending. weights: float32[rows, columns]. bias: float64[columns]. knots: for each column the
    points (logit, probability) of a piecewise linear curve, or the two numbers (slope, offset) of a sigmoid. exclusive:
    one class a document (scores sum to 1), else each class for itself. classes: how many.
    """

    slots: NDArray[np.uint32]
    weights: NDArray[np.float32]
    bias: Floats
    knots: list[tuple[Floats, Floats]]
    exclusive: bool
    classes: int

    @cached_property
    def index(self) -> NDArray[np.int32]:
        """For each slot its row in `weights`, -1 where it is not known; int32[SLOTS]."""
        found = np.full(SLOTS, -1, np.int32)
        found[self.slots] = np.arange(len(self.slots), dtype=np.int32)
        return found

    @cached_property
    def known(self) -> NDArray[np.uint8]:
        """A bit for each slot: whether the model knows it; small enough to stay in a cache."""
        return np.packbits(self.index >= 0, bitorder="little")

    def logits(self, rows: Rows) -> Floats:
        """Before calibration, float64[texts, columns]."""
        return np.asarray(features.logits(rows.first, rows.slots, rows.values, self.index, self.weights, self.bias))

    def score(self, rows: Rows) -> Floats:
        """Probabilities, float64[texts, classes]."""
        return self.calibrated(self.logits(rows))

    def calibrated(self, raw: Floats) -> Floats:
        """Probabilities from logits."""
        columns = [_curve(raw[:, column], *self.knots[column]) for column in range(raw.shape[1])]
        if self.exclusive and self.classes == 2:
            return np.column_stack([1 - columns[0], columns[0]])
        found = np.column_stack(columns)
        if self.exclusive:
            found = np.maximum(found, 1e-12)
            found /= found.sum(axis=1, keepdims=True)
        return found

    def save(self, directory: Path) -> None:
        """One `.npz`, the same bytes for the same numbers."""
        sizes = np.array([len(x) for x, _ in self.knots], np.int64)
        arrays: dict[str, NDArray[Any]] = {
            "slots": self.slots,
            "weights": self.weights,
            "bias": self.bias,
            "sizes": sizes,
            "knots_x": np.concatenate([x for x, _ in self.knots]),
            "knots_y": np.concatenate([y for _, y in self.knots]),
            "shape": np.array([self.exclusive, self.classes], np.int64),
        }
        save_arrays(directory / FILE, arrays)


def save_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """An `.npz` without dates, so that equal arrays give equal bytes."""
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz`; nothing in it is ever unpickled. UserError (exit 4) where it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"cannot read {path}: {error}", hint="is the model complete?", code=Exit.INPUT) from None


def load(directory: Path) -> LinearModel:
    """What `save` wrote. UserError (exit 4) where it is missing or damaged."""
    path = directory / FILE
    stored = load_arrays(path)
    try:
        exclusive, classes = stored["shape"].tolist()
        ends = np.cumsum(stored["sizes"])[:-1]
        knots = list(zip(np.split(stored["knots_x"], ends), np.split(stored["knots_y"], ends), strict=True))
        slots, weights, bias = stored["slots"], stored["weights"], stored["bias"]
        fits = weights.shape == (len(slots), len(bias)) and len(knots) == len(bias)
        if not fits or (len(slots) and int(slots.max()) >= SLOTS):
            raise ValueError("its arrays do not fit each other")
        return LinearModel(slots, weights, bias, knots, bool(exclusive), int(classes))
    except (KeyError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}", hint="is the model complete?", code=Exit.INPUT) from None


def train(
    rows: Rows, target: NDArray[np.bool_], groups: Sequence[str], settings: Linear, seed: int, *, exclusive: bool
) -> LinearModel:
    """Fits one column a class, or a single one for two exclusive classes; target: bool[texts, classes].

    Classes weigh the same however many examples they have; the calibration then gives probabilities as frequent as
    the examples, from logits of folds that the weights did not see.
    """
    classes = target.shape[1]
    wanted = target[:, 1:] if exclusive and classes == 2 else target
    matrix, slots = _matrix(rows, settings.least_documents)
    fold = folds(groups, settings.folds, seed)
    weights = np.zeros((len(slots), wanted.shape[1]), np.float32)
    bias = np.zeros(wanted.shape[1])
    knots = []
    for column in range(wanted.shape[1]):
        here = wanted[:, column]
        weights[:, column], bias[column] = _fit(matrix, here, settings, seed)
        knots.append(_calibrate(matrix, here, fold, settings, seed))
    known = np.abs(weights).max(axis=1, initial=0.0) > 0
    return LinearModel(slots[known], weights[known], bias, knots, exclusive, classes)


def folds(groups: Sequence[str], parts: int, seed: int) -> NDArray[np.int64]:
    """The part of each example, by its group alone."""
    import xxhash

    part = {name: xxhash.xxh3_64_intdigest(f"fold:{name}".encode("utf-8", "replace"), seed) % parts for name in groups}
    return np.array([part[name] for name in groups], np.int64)


def _matrix(rows: Rows, least: int) -> tuple[Any, NDArray[np.uint32]]:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped, unused-ignore]

    documents = np.bincount(rows.slots, minlength=SLOTS)
    slots = np.flatnonzero(documents >= min(least, max(1, rows.texts // 2)))
    column = np.full(SLOTS, -1, np.int64)
    column[slots] = np.arange(len(slots))
    keep = column[rows.slots] >= 0
    first = np.concatenate([[0], np.cumsum(keep)])[rows.first]
    shape = (rows.texts, len(slots))
    matrix = csr_matrix((rows.values[keep].astype(np.float64), column[rows.slots[keep]], first), shape=shape)
    return matrix, slots.astype(np.uint32)


def _fit(matrix: Any, target: NDArray[np.bool_], settings: Linear, seed: int) -> tuple[Floats, float]:
    from sklearn.linear_model import LogisticRegression

    if target.all() or not target.any():
        return np.zeros(matrix.shape[1]), 20.0 if target.all() else -20.0
    model = LogisticRegression(
        C=settings.c, class_weight="balanced", solver="liblinear", dual=True, random_state=seed % 2**32, max_iter=1000
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the last digit has not settled: it is the same in every run
        model.fit(matrix, target)
    return model.coef_[0], float(model.intercept_[0])


def _calibrate(
    matrix: Any, target: NDArray[np.bool_], fold: NDArray[np.int64], settings: Linear, seed: int
) -> tuple[Floats, Floats]:
    if settings.calibration == "none":
        return np.array([1.0]), np.array([0.0])
    unseen = np.full(len(target), np.nan)
    for part in np.unique(fold):
        test = fold == part
        inside = target[~test]
        if inside.all() or not inside.any():
            continue  # the fold holds all examples of one class: nothing was learned without it
        weights, bias = _fit(matrix[~test], inside, settings, seed)
        unseen[test] = matrix[test] @ weights + bias
    known = np.isfinite(unseen)
    if not known.any() or target[known].all() or not target[known].any():
        return np.array([1.0]), np.array([0.0])
    if settings.calibration == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        curve = IsotonicRegression(y_min=0.0, y_max=1.0).fit(unseen[known], target[known])
        x, y = np.asarray(curve.X_thresholds_, float), np.asarray(curve.y_thresholds_, float)
        return (np.repeat(x, 2), np.repeat(y, 2)) if len(x) == 1 else (x, y)
    return _platt(unseen[known], target[known])


def _platt(raw: Floats, target: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Slope and offset of a sigmoid (Platt 1999, with his smoothed targets); the slope stays above 0."""
    from scipy.optimize import minimize  # type: ignore[import-untyped, unused-ignore]

    yes, no = int(target.sum()), int((~target).sum())
    wanted = np.where(target, (yes + 1) / (yes + 2), 1 / (no + 2))

    def loss(point: Floats) -> tuple[float, Floats]:
        slope = np.exp(point[0])
        z = slope * raw + point[1]
        error = 1 / (1 + np.exp(-np.clip(z, -500, 500))) - wanted
        value = float((np.logaddexp(0, z) - wanted * z).sum())
        return value, np.array([(error * raw).sum() * slope, error.sum()])

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-5, 5), (-50, 50)]).x
    return np.array([np.exp(found[0])]), np.array([found[1]])


def _curve(raw: Floats, x: Floats, y: Floats) -> Floats:
    if len(x) == 1:
        return 1 / (1 + np.exp(-np.clip(x[0] * raw + y[0], -500, 500)))
    return np.interp(raw, x, y)
