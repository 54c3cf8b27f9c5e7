"""Measures of a user's own package: entry points of the group `winnow.measures`.

An entry point is a callable `(Batch) -> {name: array or list}` with an attribute `measures`, the list of `Measure` that
it gives, each named `family.measure` in a family of its own. Every value needs one entry a document and no null or NaN.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

import polars as pl

from curate.measures.batch import Batch
from curate.measures.registry import REGISTRY, Measure
from workbench.errors import UserError

GROUP = "winnow.measures"
_NAME = re.compile(r"^[a-z][a-z0-9_]*\.[a-z0-9_]+$")
TYPES = {"int64": pl.Int64, "float64": pl.Float64, "string": pl.String}


class Plugin(Protocol):
    """What an entry point of the group gives."""

    measures: Sequence[Measure]

    def __call__(self, batch: Batch) -> Mapping[str, Any]:
        """The measures of a batch, by full name."""


def points() -> list[EntryPoint]:
    """The entry points of the group, by name."""
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def installed() -> dict[str, Plugin]:
    """The entry points of the installed packages, by name. Raises UserError for one that does not load or fit."""
    found: dict[str, Plugin] = {}
    families = {name.partition(".")[0] for name in REGISTRY}
    for point in points():
        try:
            plugin = point.load()
        except Exception as error:
            raise UserError(f"the measures {point.name!r} ({point.value}) do not load: {error}") from error
        for measure in getattr(plugin, "measures", ()):
            if not _NAME.match(measure.name) or measure.dtype not in TYPES:
                raise UserError(
                    f"the measures {point.name!r} declare {measure.name!r} of type {measure.dtype!r}",
                    hint="a name is family.measure in [a-z0-9_], a type int64, float64 or string",
                )
            if measure.name.partition(".")[0] in families:
                raise UserError(
                    f"the measures {point.name!r} declare {measure.name!r}, a family that Winnow has itself"
                )
        if not getattr(plugin, "measures", ()) or not callable(plugin):
            raise UserError(
                f"the measures {point.name!r} ({point.value}) declare none",
                hint="an entry point is a callable with an attribute `measures`, a list of curate.measures.Measure",
            )
        found[point.name] = plugin
    return found


def columns(name: str, plugin: Plugin, batch: Batch) -> list[pl.Series]:
    """The plugin's columns for a batch, checked. Raises UserError where they are not what it declares."""
    given = plugin(batch)
    declared = {measure.name: measure for measure in plugin.measures}
    if set(given) != set(declared):
        odd = ", ".join(sorted(set(given) ^ set(declared)))
        raise UserError(f"the measures {name!r} gave other columns than they declare: {odd}")
    out = []
    for measure in plugin.measures:
        try:
            column = pl.Series(measure.name, given[measure.name], dtype=TYPES[measure.dtype])
        except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
            raise UserError(f"{measure.name} is not a column of {measure.dtype}: {error}") from error
        if len(column) != batch.docs:
            raise UserError(f"{measure.name} has {len(column)} values for {batch.docs} documents")
        if column.null_count() or (measure.dtype == "float64" and column.is_nan().any()):
            raise UserError(f"{measure.name} is null or NaN for some documents", hint="give every document a number")
        out.append(column)
    return out
