"""The histogram of similarities of near duplicates."""

from __future__ import annotations

from typing import Any

from dashboard.queries.overlap import BIN


def similarities(threshold: float | None) -> dict[str, Any]:
    """A specification over `similarity` (the lower end of a bin) and `documents`; a rule stands at the threshold."""
    bars = {
        "transform": [{"calculate": f"datum.similarity + {BIN}", "as": "end"}],
        "mark": {"type": "bar", "color": "#D55E00"},
        "encoding": {
            "x": {
                "field": "similarity",
                "type": "quantitative",
                "bin": {"binned": True},
                "title": "Jaccard similarity to the page that was kept",
                "scale": {"zero": False},
            },
            "x2": {"field": "end"},
            "y": {
                "field": "documents",
                "type": "quantitative",
                "title": "Removed documents",
                "axis": {"tickMinStep": 1},
            },
            "tooltip": [
                {"field": "similarity", "title": "from", "format": ".2f"},
                {"field": "documents", "title": "documents", "format": ","},
            ],
        },
    }
    if threshold is None:
        return bars
    line = {
        "mark": {"type": "rule", "strokeDash": [4, 3], "tooltip": True},
        "encoding": {"x": {"datum": threshold}, "size": {"value": 2}},
    }
    return {"layer": [bars, line]}
