"""The pictures of the page of rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dashboard.queries.histogram import STATES

if TYPE_CHECKING:
    import polars as pl

COLOURS = ("#009E73", "#D55E00", "#8C9198")
_STATE = {
    "field": "state",
    "type": "nominal",
    "title": None,
    "scale": {"domain": list(STATES), "range": list(COLOURS)},
    "legend": {"orient": "top"},
}
_COUNT = {"field": "documents", "type": "quantitative", "format": ","}


def stacked(bins: pl.DataFrame) -> pl.DataFrame:
    """The bins with `from` and `to`: where each state's bar begins and ends."""
    import polars as pl

    order = pl.col("state").replace_strict({state: number for number, state in enumerate(STATES)})
    rows = bins.sort("low", order)
    return rows.with_columns(to=pl.cum_sum("documents").over("low")).with_columns(
        (pl.col("to") - pl.col("documents")).alias("from")
    )


def histogram(
    measure: str, lines: Sequence[tuple[str, float]], ends: tuple[float, float], *, logarithmic: bool, counts: bool
) -> dict[str, Any]:
    """Bars of `stacked` bins, and the thresholds as lines (`now`, `proposed`) where they lie between the ends.

    logarithmic: the axis of values; counts: the axis of documents, where the states stand as lines beside each other,
    because a stack has no meaning there.
    """
    scale: dict[str, Any] = {"domain": list(ends), "nice": False, "zero": False}
    if logarithmic:
        scale |= {"type": "symlog", "constant": 1}
    x = {"field": "low", "type": "quantitative", "title": measure, "scale": scale}
    tooltip = [
        {"field": "low", "type": "quantitative", "title": "from", "format": ".6~g"},
        {"field": "high", "type": "quantitative", "title": "to", "format": ".6~g"},
        {"field": "state", "type": "nominal"},
        _COUNT,
        {"field": "tokens", "type": "quantitative", "format": ","},
    ]
    if counts:
        bars: dict[str, Any] = {
            "mark": {"type": "line", "interpolate": "step-after", "point": {"size": 12}},
            "encoding": {
                "x": x,
                "y": {**_COUNT, "title": "documents (logarithmic)", "scale": {"type": "log"}},
                "color": _STATE,
                "tooltip": tooltip,
            },
        }
    else:
        bars = {
            "mark": {"type": "rect"},
            "encoding": {
                "x": x,
                "x2": {"field": "high"},
                "y": {"field": "from", "type": "quantitative", "title": "documents"},
                "y2": {"field": "to"},
                "color": _STATE,
                "tooltip": tooltip,
            },
        }
    inside = [{"what": what, "at": at} for what, at in lines if ends[0] <= at <= ends[1]]
    at = {"field": "at", "type": "quantitative"}
    marks = [
        {
            "data": {"values": inside},
            "mark": {"type": "rule", "strokeWidth": 2, "color": "#0072B2"},
            "encoding": {
                "x": at,
                "strokeDash": {
                    "field": "what",
                    "type": "nominal",
                    "scale": {"domain": ["now", "proposed"], "range": [[1, 0], [6, 4]]},
                    "legend": {"orient": "top", "title": "threshold"},
                },
            },
        }
    ]
    return {"layer": [bars, *(marks if inside else [])]}


def words(measure: str) -> dict[str, Any]:
    """Bars of the values of a measure that is a word, the most frequent first."""
    return {
        "mark": "bar",
        "encoding": {
            "y": {
                "field": "value",
                "type": "nominal",
                "title": measure,
                "sort": {"field": "documents", "op": "sum", "order": "descending"},
            },
            "x": {**_COUNT, "title": "documents", "stack": "zero"},
            "color": _STATE,
            "tooltip": [{"field": "value", "type": "nominal"}, {"field": "state", "type": "nominal"}, _COUNT],
        },
    }


def together() -> dict[str, Any]:
    """A heat map of pairs of rules: of what the row's rule drops, the share that the column's drops too."""
    names = {"type": "nominal", "axis": {"labelLimit": 180, "labelOverlap": False}}
    return {
        "mark": "rect",
        "encoding": {
            "y": {"field": "rule", "title": "rule", **names},
            "x": {"field": "other", "title": "other rule", **names},
            "color": {
                "field": "share",
                "type": "quantitative",
                "title": "share",
                "scale": {"scheme": "blues", "domain": [0, 1]},
                "legend": {"format": ".0%"},
            },
            "tooltip": [
                {"field": "rule", "type": "nominal"},
                {"field": "other", "type": "nominal"},
                _COUNT,
                {"field": "share", "type": "quantitative", "format": ".1%"},
            ],
        },
    }
