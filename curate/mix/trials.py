"""A table of trials: mixtures that somebody trained on, and what each gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from curate.mix.models import Floats
from curate.mix.recipe import MixFile
from workbench.errors import Exit, UserError, did_you_mean
from workbench.files import sha256
from workbench.manifest import Input

# Trials are written with a few digits; a sum further from 1 than this is a mistake.
_TOLERANCE = 0.005
_FEWEST = 8


@dataclass(frozen=True)
class Trials:
    """groups: names [groups]. weights: rows sum to 1 [trials, groups]. values: the metric [trials]."""

    groups: list[str]
    weights: Floats
    values: Floats


def read_trials(path: Path, known: Sequence[str], metrics: Sequence[str]) -> Trials:
    """The columns of the `known` groups and the mean of the `metrics`; other columns are passed over.

    Raises UserError with the file and, for CSV, the line: no such file or metric, weights that do not sum to 1, a
    missing number, fewer trials than a surface needs.
    """
    frame = _read(path)
    for metric in metrics:
        if metric not in frame.columns:
            hint = did_you_mean(metric, frame.columns) or "the first line names the columns"
            raise UserError(f"the trials have no column '{metric}'", hint=hint, file=path)
    groups = [name for name in frame.columns if name in known and name not in metrics]
    others = [name for name in frame.columns if name not in groups and name not in metrics]
    if not groups:
        hint = f"the groups of the run: {', '.join(list(known)[:10])}"
        raise UserError("no column of the trials is a group of the run", hint=hint, file=path)
    weights, values = _numbers(path, frame, groups), _numbers(path, frame, list(metrics))
    for row in np.flatnonzero((weights < 0).any(axis=1)):
        raise _at(path, int(row), "a weight is below 0", "weights are shares of the tokens")
    for row in np.flatnonzero(np.abs(weights.sum(axis=1) - 1) > _TOLERANCE):
        unknown = f"; columns that are no group of the run: {', '.join(others)}" if others else ""
        message = f"the weights of {len(groups)} groups sum to {weights[row].sum():.4g}, not to 1{unknown}"
        raise _at(path, int(row), message, f"the groups of the run: {', '.join(list(known)[:10])}")
    fewest = max(_FEWEST, len(groups) + 2)
    if len(values) < fewest:
        message = f"{len(values)} trials are too few for {len(groups)} groups"
        raise UserError(message, hint=f"make at least {fewest}; 64 are better", file=path)
    value = values.mean(axis=1)
    if np.ptp(value) == 0:
        raise UserError(f"all trials have the same {' and '.join(metrics)}", hint="name another metric", file=path)
    return Trials(groups, weights / weights.sum(axis=1, keepdims=True), value)


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path, glob=False)
        return pl.read_csv(path, glob=False, infer_schema_length=None)
    except FileNotFoundError:
        raise UserError(f"no trials at {path}", hint="check the path", code=Exit.INPUT) from None
    except (OSError, pl.exceptions.PolarsError) as error:
        what = str(error).splitlines()[0]
        raise UserError(f"cannot read the trials {path}: {what}", hint="give CSV or Parquet", code=Exit.INPUT) from None


def _numbers(path: Path, frame: pl.DataFrame, names: list[str]) -> Floats:
    for name in names:
        numbers = frame[name].cast(pl.Float64, strict=False)
        wrong = numbers.is_null() | ~numbers.is_finite().fill_null(False)
        for row in wrong.arg_true().to_list():
            raise _at(path, row, f"'{name}' is no number: {frame[name][row]!r}", "every trial needs all of its numbers")
    return np.column_stack([frame[name].cast(pl.Float64).to_numpy() for name in names])


def _at(path: Path, row: int, message: str, hint: str) -> UserError:
    if path.suffix == ".parquet":
        return UserError(f"row {row}: {message}", hint=hint, file=path)
    return UserError(message, hint=hint, file=path, line=row + 2)  # the first line names the columns


def inputs(file: MixFile) -> list[Input]:
    """The tables of trials that a recipe reads, by the digest of their bytes."""
    asked = [phase.regression for phase in file.recipe.in_order().values() if phase.regression is not None]
    names = dict.fromkeys(one.trials for one in asked)
    return [
        Input(path=name, bytes=(file.folder / name).stat().st_size, digest=sha256(file.folder / name)) for name in names
    ]
