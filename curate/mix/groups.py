"""The documents of a run as mixing sees them: ids, tokens, and the group that each belongs to; no text is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from curate.ask.finished import FinishedRun
from curate.mix.recipe import Filter, Key, MixFile
from workbench.errors import did_you_mean

NONE = "(none)"
_FIXED = ("id", "text", "title")
# Columns of the tables that a mix writes, beside which the keys stand under their own names.
_OWN = {"phase", "group", "weight", "copies", "tokens", "tokens_available", "tokens_wanted", "tokens_taken"}
_OWN |= {"documents_available", "documents_taken", "epochs", "epochs_sampled", "kept"}
_COMPARE = {
    ">": pl.Expr.gt,
    ">=": pl.Expr.ge,
    "<": pl.Expr.lt,
    "<=": pl.Expr.le,
    "==": pl.Expr.eq,
    "!=": pl.Expr.ne,
}


@dataclass(frozen=True)
class Documents:
    """frame: id, tokens and the columns that the recipe names, one row a kept document, in the parent's order."""

    frame: pl.DataFrame
    file: MixFile

    def keys(self, keys: Sequence[Key], path: Sequence[str | int]) -> pl.DataFrame:
        """The labels of every document by every key; the column of one that is cut is named as a bucket or a curve.

        path: where the keys stand in the recipe.
        """
        columns = []
        for number, key in enumerate(keys):
            at = [*path, number, "measure"]
            if key.column in _OWN:
                hint = "cut it with buckets or edges" if key.column == "tokens" else "give the measure another name"
                raise self.file.error(at, f"'{key.column}' is a column of the plan itself", hint)
            columns.append(self._labels(key, at).alias(key.column))
        return pl.DataFrame(columns)

    def kept(self, filters: Sequence[Filter], path: Sequence[str | int]) -> pl.Series:
        """Which documents pass all filters; null and NaN pass none. [documents]"""
        passed = pl.Series([True]).new_from_index(0, self.frame.height)
        for number, one in enumerate(filters):
            column = self.frame[one.measure]
            values = one.value if isinstance(one.value, list) else [one.value]
            for value in values:
                if not _comparable(column.dtype, value):
                    hint = "compare it with a value of its own type"
                    message = f"{one.measure} is {_kind(column.dtype)}, {value!r} is not"
                    raise self.file.error([*path, number, "value"], message, hint)
            here = pl.col(one.measure)
            holds = here.is_in(values) if one.keep_if == "in" else _COMPARE[one.keep_if](here, pl.lit(one.value))
            if column.dtype.is_float():
                holds &= here.is_not_nan()  # which polars holds to be the largest number
            passed &= self.frame.select(holds.fill_null(False)).to_series()
        return passed

    def _labels(self, key: Key, at: Sequence[str | int]) -> pl.Series:
        column = self.frame[key.measure]
        if key.buckets is None and key.edges is None:
            if column.dtype.is_float():
                hint = f"for example {{measure: {key.measure}, buckets: 5}}, or edges: [0.2, 0.8]"
                raise self.file.error(at, f"{key.measure} is a number with fractions: say how it is cut", hint)
            return column.cast(pl.String).fill_null(NONE)
        if not column.dtype.is_numeric():
            hint = "leave buckets and edges out"
            raise self.file.error(at, f"{key.measure} is {_kind(column.dtype)}: it has no buckets", hint)
        edges = key.edges if key.edges is not None else _quantiles(column, key.buckets or 1)
        names = _edge_names(edges) if key.edges is not None else bucket_names(key.buckets or 1)
        return _cut(column, edges, names)


def bucket_names(count: int) -> list[str]:
    """`01/20` to `20/20`, the lowest first, so that they sort as text."""
    return [f"{number:0{len(str(count))}d}/{count}" for number in range(1, count + 1)]


def _edge_names(edges: Sequence[float]) -> list[str]:
    between = [f"{low:g}..{high:g}" for low, high in pairwise(edges)]
    return [f"<{edges[0]:g}", *between, f">={edges[-1]:g}"]


def _quantiles(column: pl.Series, count: int) -> list[float]:
    """Limits between `count` parts with equally many documents; equal values are never parted."""
    import numpy as np

    values = np.sort(column.cast(pl.Float64).fill_nan(None).drop_nulls().to_numpy())
    if not len(values):
        return []
    # A limit is the first value of the bucket above it, so that a bucket begins where its rank does.
    return [float(values[(len(values) * part) // count]) for part in range(1, count)]


def _cut(column: pl.Series, edges: Sequence[float], names: Sequence[str]) -> pl.Series:
    import numpy as np

    values = column.cast(pl.Float64).fill_nan(None)
    places = np.searchsorted(np.asarray(edges, np.float64), values.fill_null(0.0).to_numpy(), side="right")
    labels = pl.Series(list(names), dtype=pl.String).gather(places)
    return labels.zip_with(values.is_not_null(), pl.Series([NONE]).new_from_index(0, len(values)))


def _comparable(kind: pl.DataType, value: Any) -> bool:
    if kind == pl.Boolean:
        return isinstance(value, bool)
    if kind.is_numeric():
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _kind(kind: pl.DataType) -> str:
    return "true or false" if kind == pl.Boolean else "a number" if kind.is_numeric() else "text"


def read_documents(run: FinishedRun, file: MixFile) -> Documents:
    """The kept documents with every column that the recipe names. Raises UserError at a name that is not there."""
    named = _named(file)
    documents = run.scan("documents")
    own = set(documents.collect_schema().names()) - set(_FIXED)
    measures = run.scan("measures") if (run.path / "measures").is_dir() else None
    others = set(measures.collect_schema().names()) - {"id"} - own if measures is not None else set()
    for name, at in named.items():
        if name not in own | others:
            hint = did_you_mean(name, own | others) or f"columns of the documents: {', '.join(sorted(own))}"
            raise file.error(at, f"the run has no measure '{name}'", hint)
    columns = [name for name in named if name in own and name != "tokens"]
    frame = documents.select("id", "tokens", *columns).collect()
    beside = [name for name in named if name in others]
    if beside and measures is not None:
        wanted = measures.select("id", *beside).collect()
        frame = frame.join(wanted, on="id", how="left", maintain_order="left")
    if frame["id"].is_duplicated().any():
        raise AssertionError(f"{run.path} holds a document twice")
    return Documents(frame.with_columns(pl.col("tokens").fill_null(0)), file)


def _named(file: MixFile) -> dict[str, list[str | int]]:
    """Every column that the recipe names, and where first."""
    named: dict[str, list[str | int]] = {}
    for number, key in enumerate(file.recipe.by):
        named.setdefault(key.measure, ["by", number])
    for name, phase in file.recipe.in_order().items():
        top: list[str | int] = ["phases", name] if file.recipe.phases else []
        for number, one in enumerate(phase.filters):
            named.setdefault(one.measure, [*top, "filters", number, "measure"])
        if phase.curve is not None:
            named.setdefault(phase.curve.measure, [*top, "curve", "measure"])
    return named
