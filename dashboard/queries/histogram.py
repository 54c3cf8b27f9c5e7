"""How a rule's measure is spread over the documents it looks at, by what became of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from dashboard.queries.measured import Documents, Values
from dashboard.queries.threshold import failed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.rules import Profile, Rule

BINS = 80
WORDS = 40
OUTER = 0.005
STATES = ("kept", "dropped by this rule", "dropped by another")
"""A document that this rule and another one drop counts as dropped by this one: the threshold parts the colours."""


class Histogram(NamedTuple):
    """bins: low, high, state, documents, tokens (of words: value, state, documents, tokens; the most frequent first).

    below, above: documents outside of the picture, counted in its first and last bin; low, high: of the picture.
    unknown: documents without a value, which fail at every threshold. elsewhere: of languages that the rule leaves out.
    infinite: documents whose value is infinite. whole: the measure counts something. total: documents it looks at.
    """

    bins: pl.DataFrame
    low: float
    high: float
    below: int
    above: int
    unknown: int
    elsewhere: int
    infinite: int
    whole: bool
    total: int


def histogram(
    documents: Documents, values: Values, profile: Profile, rule: Rule, *, logarithmic: bool = False
) -> Histogram:
    """Between the outer half percents of the values, so that one page of a million words leaves the rest visible.

    The threshold is an edge between bins, with a value on it on the side to which the comparison puts it; one that lies
    far from all values is left out of the picture. logarithmic: bins of equal width in sign(x) log(1 + |x|).
    """
    state = np.where(
        failed(values, profile, rule).to_numpy(),
        1,
        np.where(documents.sets["kept"].gather(documents.rows["set"]).to_numpy(), 0, 2),
    )
    applies = values.rows["applies"].to_numpy()
    tokens = documents.rows["tokens"].to_numpy()
    if not values.numeric:
        return _words(values, state, applies, tokens)
    column = values.rows["value"].cast(pl.Float64)
    known = column.fill_null(math.nan).to_numpy()
    unknown, infinite = applies & np.isnan(known), applies & np.isinf(known)
    there = applies & np.isfinite(known)
    x, state, tokens = known[there], state[there], tokens[there]
    whole = values.rows.schema["value"].is_integer()
    limit = float(rule.threshold) if isinstance(rule.threshold, int | float) else None
    edges = _edges(x, limit, rule.drop_if in (">", "<="), whole=whole, logarithmic=logarithmic)
    if limit is not None and not whole and rule.drop_if in (">", "<="):  # equality belongs to what lies below
        x = np.where(x == limit, np.nextafter(limit, -np.inf), x)
    bins = len(edges) - 1
    place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, bins - 1) * len(STATES) + state
    counts = np.bincount(place, minlength=bins * len(STATES))
    weights = np.bincount(place, weights=tokens, minlength=bins * len(STATES))
    table = pl.DataFrame(
        {
            "low": np.repeat(edges[:-1], len(STATES)),
            "high": np.repeat(edges[1:], len(STATES)),
            "state": list(STATES) * bins,
            "documents": counts.astype(np.int64),
            "tokens": weights.astype(np.int64),
        }
    )
    return Histogram(
        table.filter(pl.col("documents") > 0),
        float(edges[0]),
        float(edges[-1]),
        int((x < edges[0]).sum()),
        int((x >= edges[-1]).sum()),
        int(unknown.sum()),
        int((~applies).sum()),
        int(infinite.sum()),
        whole,
        int(applies.sum()),
    )


def line(rule: Rule, *, whole: bool) -> float | None:
    """Where the rule's threshold stands in the picture: of counts, between the last that is kept and the first that is
    dropped; None where it is off or a list."""
    if not isinstance(rule.threshold, int | float):
        return None
    if not whole:
        return float(rule.threshold)
    return _between(rule.threshold, rule.drop_if in (">", "<="))


def _between(limit: float, below: bool) -> float:
    return math.floor(limit) + 0.5 if below else math.ceil(limit) - 0.5


def _edges(
    x: NDArray[np.float64], limit: float | None, below: bool, *, whole: bool, logarithmic: bool
) -> NDArray[np.float64]:
    """Edges of the bins, ascending. below: a value on the limit lies below it."""
    low, high = np.quantile(x, [OUTER, 1 - OUTER]) if len(x) else (limit or 0.0, limit or 0.0)
    low, high = float(low), float(high)
    reach = max(high - low, abs(high), 1.0 if whole else 1e-9)
    if limit is not None and low - reach <= limit <= high + reach:
        low, high = min(low, limit), max(high, limit)
    else:
        limit = None
    if logarithmic:
        return _logarithmic(low, high, limit, below, whole)
    if whole:
        width = float(max(1, math.ceil((high - low + 1) / BINS)))
        anchor = low - 0.5 if limit is None else _between(limit, below)
    else:
        width = (high - low or abs(high) or 1.0) / BINS
        anchor = low if limit is None else limit
    first = math.floor((low - anchor) / width)
    last = math.floor((high - anchor) / width) + 1
    return np.asarray(anchor + width * np.arange(first, last + 1), np.float64)


def _logarithmic(low: float, high: float, limit: float | None, below: bool, whole: bool) -> NDArray[np.float64]:
    ends = [math.copysign(math.log1p(abs(each)), each) for each in (low, high)]
    width = (ends[1] - ends[0] or 1.0) / BINS
    anchor = ends[0] if limit is None else math.copysign(math.log1p(abs(limit)), limit)
    first = math.floor((ends[0] - anchor) / width)
    last = math.floor((ends[1] - anchor) / width) + 1
    places = anchor + width * np.arange(first, last + 1)
    edges = np.sign(places) * np.expm1(np.abs(places))
    if limit is not None:
        edges[-first] = limit  # exactly, for what lies on it
    if whole:
        edges = np.unique(np.round(edges)) + (0.5 if below else -0.5)
        edges = np.concatenate([edges, edges[-1:] + 1]) if len(edges) == 1 else edges
    return np.asarray(edges, np.float64)


def _words(
    values: Values, state: NDArray[np.int64], applies: NDArray[np.bool_], tokens: NDArray[np.uint32]
) -> Histogram:
    rows = pl.DataFrame({"value": values.rows["value"], "state": state, "tokens": tokens}).filter(pl.Series(applies))
    unknown = rows["value"].null_count()
    known = rows.drop_nulls("value").with_columns(pl.col("value").cast(pl.String))
    most = known.group_by("value").len("all").sort("all", "value", descending=[True, False])
    shown = most.head(WORDS)["value"]
    counts = (
        known.filter(pl.col("value").is_in(shown.implode()))
        .group_by("value", "state")
        .agg(documents=pl.len().cast(pl.Int64), tokens=pl.sum("tokens").cast(pl.Int64))
        .join(most, on="value")
        .sort("all", "value", "state", descending=[True, False, False])
    )
    bins = counts.select(
        "value", pl.col("state").replace_strict(dict(enumerate(STATES)), return_dtype=pl.String), "documents", "tokens"
    )
    rest = int(most["all"].slice(WORDS).sum())
    return Histogram(bins, 0.0, 0.0, 0, rest, unknown, int((~applies).sum()), 0, whole=False, total=int(applies.sum()))
