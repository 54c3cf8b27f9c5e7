"""The pictures of an arena: ratings with their intervals, and who beat whom."""

from __future__ import annotations

from typing import Any


def ratings(rows: int) -> dict[str, Any]:
    """Rating and 95 % interval of each model, strongest first; frame: model, rating, low, high, rank, votes."""
    x = {"type": "quantitative", "title": "rating on the scale of Elo, 95 % interval", "scale": {"zero": False}}
    y = {"field": "model", "type": "nominal", "sort": None, "title": None}
    shade = {"color": {"datum": "", "legend": None}}  # the theme's first colour
    tooltip = [{"field": name} for name in ("model", "rank", "rating", "low", "high", "votes")]
    ends = {"x": {"field": "low", **x}, "x2": {"field": "high"}, "y": y, **shade}
    point = {"x": {"field": "rating", **x}, "y": y, "tooltip": tooltip, **shade}
    return {
        "height": 70 + 30 * rows,
        "layer": [
            {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": ends},
            {"mark": {"type": "point", "filled": True, "size": 80, "opacity": 1}, "encoding": point},
        ],
    }


def wins(models: int) -> dict[str, Any]:
    """How often the model of a row won against that of a column; frame: model, against, share, said, n,
    and their places `down` and `across`."""
    axes = {
        "y": {"field": "model", "type": "nominal", "title": "won by", "sort": {"field": "down", "op": "min"}},
        "x": {
            "field": "against",
            "type": "nominal",
            "title": "against",
            "sort": {"field": "across", "op": "min"},
            "axis": {"labelAngle": 0},
        },
    }
    shade = {
        "field": "share",
        "type": "quantitative",
        "title": "share won, ties half",
        "scale": {"scheme": "blueorange", "domain": [0, 1], "reverse": True},
        "legend": {"format": ".0%"},
    }
    dark = "datum.share < 0.25 || datum.share > 0.75"
    return {
        "height": 90 + 44 * models,
        "layer": [
            {"mark": "rect", "encoding": {**axes, "color": shade, "tooltip": [{"field": "said"}, {"field": "n"}]}},
            {
                "mark": {"type": "text", "fontSize": 13},
                "encoding": {
                    **axes,
                    "text": {"field": "said"},
                    "color": {"condition": {"test": dark, "value": "white"}, "value": "black"},
                },
            },
        ],
    }
