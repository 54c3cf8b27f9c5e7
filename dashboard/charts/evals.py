"""The pictures of the page of evaluations: a point and its interval, by run and task."""

from __future__ import annotations

from typing import Any

_POINT = {"type": "point", "filled": True, "size": 70, "opacity": 1}


def whiskers(title: str, *, rows: int, share: bool, color: str | None = None) -> dict[str, Any]:
    """Score and interval of each `name`, in the order of the frame: name, value, low, high, said, n."""
    axis = {"format": ".0%"} if share else {"format": ".3~g"}
    x = {"type": "quantitative", "title": title, "axis": axis, "scale": {"zero": False}}
    y: dict[str, Any] = {"field": "name", "type": "nominal", "title": None, "sort": None}
    tooltip = [{"field": "name", "title": "run"}, {"field": "said", "title": "score"}, {"field": "n"}]
    shade: dict[str, Any] = {"color": {"datum": "", "legend": None}}  # the theme's first colour
    if color is not None:
        shade["color"] = {"field": color, "type": "nominal", "title": color}
    if color is not None:
        shade["yOffset"] = {"field": color}
        shade["shape"] = {"field": color, "type": "nominal", "title": color}
    layers = [
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                "x": {"field": "low", **x},
                "x2": {"field": "high"},
                "y": y,
                **_only(shade, "color", "yOffset"),
            },
        },
        {"mark": _POINT, "encoding": {"x": {"field": "value", **x}, "y": y, "tooltip": tooltip, **shade}},
    ]
    return {"layer": layers, "height": 70 + (22 if color else 28) * rows}


def differences(title: str, *, rows: int, share: bool) -> dict[str, Any]:
    """B less A with its interval, and a line where both are the same; frame: name, value, low, high, said, n."""
    spec = whiskers(title, rows=rows, share=share)
    zero = {"mark": {"type": "rule", "strokeDash": [4, 4], "color": "#888"}, "encoding": {"x": {"datum": 0}}}
    return {**spec, "layer": [zero, *spec["layer"]]}


def _only(encoding: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: encoding[name] for name in names if name in encoding}
