"""The pictures of the overview: what each step took, and what the kept tokens are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.plots import short
from workbench.render import percent, size

if TYPE_CHECKING:
    import polars as pl

    from curate.pipeline.rollups import Funnel

UNITS = ("tokens", "documents", "bytes")
"""In what the waterfall may count."""
_KINDS = ("in", "dropped", "kept", "failed")  # in the order of the theme's colours: blue, orange, green, rose
_GREY = "#7a8087"  # can be read on the light and on the dark page
_ROOM = 1.25  # of the axis, for the numbers behind the longest bar


def waterfall(found: Funnel, unit: str) -> pl.DataFrame:
    """The bars: place, step, kind (one of in, dropped, failed, kept), start, end, right, told (in words), label (what
    stands beside it). unit: one of `UNITS`.

    Steps that took nothing have no bar.
    """
    import polars as pl

    rows: list[dict[str, Any]] = []

    def bar(step: str, kind: str, start: int, end: int, told: str, label: str | None = None) -> None:
        row = {"place": len(rows), "step": step, "kind": kind, "start": start, "end": end, "told": told}
        rows.append({**row, "label": told if label is None else label})

    whole = _whole(found, unit)
    bar("input", "in", 0, whole, amount(whole, unit))
    left = whole
    for level in found.levels:
        taken = {"tokens": level.tokens_dropped, "bytes": level.bytes_dropped, "documents": level.dropped}[unit]
        failed = level.failed if unit == "documents" else 0
        if taken:
            told = f"−{amount(taken, unit)}{f', {amount(failed, unit)} failed' if failed else ''}"
            bar(level.step, "dropped", left - taken, left, f"{told} (−{percent((taken + failed) / left)})")
        if failed:  # beside the bar of what was dropped, which tells of both
            told = f"{amount(failed, unit)} failed"
            bar(level.step, "failed", left - taken - failed, left - taken, told, "" if taken else told)
        left -= taken + failed
    share = percent(left / whole) if whole else "-"
    bar("kept", "kept", 0, left, f"{amount(left, unit)} ({share})")
    return pl.DataFrame(rows).with_columns(right=pl.max_horizontal("start", "end"))


def _whole(found: Funnel, unit: str) -> int:
    if unit == "documents":
        return found.total
    if unit == "tokens":
        return found.tokens_kept + sum(level.tokens_dropped for level in found.levels)
    return found.bytes_kept + sum(level.bytes_dropped for level in found.levels)


def amount(number: float, unit: str) -> str:
    """A number of tokens, documents or bytes as people say it: 38,512, 2.3M, 167.0 KiB."""
    if unit == "bytes":
        return size(number)
    return f"{number:,.0f}" if abs(number) < 1e6 else short(number)


def waterfall_spec(unit: str, top: int) -> dict[str, Any]:
    """Vega-Lite over `waterfall`; `top` is the whole. A click on a bar is the selection `step`."""
    scale = {"domain": [0, max(1, top) * _ROOM], "nice": False}
    steps = {
        "field": "step",
        "type": "nominal",
        "sort": {"field": "place", "op": "min"},
        "title": None,
        "axis": {"labelOverlap": False},
    }
    kinds = {"field": "kind", "type": "nominal", "scale": {"domain": list(_KINDS)}, "title": None}
    return {
        "layer": [
            {
                "mark": {"type": "bar", "cursor": "pointer", "aria": False},
                "params": [{"name": "step", "select": {"type": "point", "fields": ["step"]}}],
                "encoding": {
                    "x": {
                        "field": "start",
                        "type": "quantitative",
                        "title": unit,
                        "scale": scale,
                        "axis": {"format": "~s"},
                    },
                    "x2": {"field": "end"},
                    "y": steps,
                    "color": {**kinds, "legend": {"orient": "top"}},
                    "opacity": {"condition": {"param": "step", "value": 1}, "value": 0.45},
                    "tooltip": [{"field": name, "type": "nominal"} for name in ("step", "kind", "told")],
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "color": _GREY, "aria": False},
                "encoding": {
                    "x": {"field": "right", "type": "quantitative", "scale": scale},
                    "y": steps,
                    "text": {"field": "label", "type": "nominal"},
                },
            },
        ]
    }


def treemap(shared: pl.DataFrame) -> dict[str, Any]:
    """An ECharts treemap of `queries.mixes.mix`: area is tokens, one colour a larger group."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for outer, inner, _, tokens, rest in shared.iter_rows():
        name = inner if inner is not None else f"{rest:,} others"
        groups.setdefault(outer, []).append({"name": _template(name), "value": tokens})
    data = [
        {"name": _template(outer), "value": sum(part["value"] for part in parts), "children": parts}
        for outer, parts in groups.items()
    ]
    return {
        "tooltip": {"valueFormatter": "localized"},
        "series": [
            {
                "type": "treemap",
                "name": "tokens",
                "roam": False,
                "nodeClick": False,
                "breadcrumb": {"show": False},
                "width": "100%",
                "height": "100%",
                "top": 0,
                "left": 0,
                "label": {
                    "show": True,
                    "overflow": "truncate",
                    "color": "#fff",
                    "textBorderColor": "rgba(0,0,0,.75)",
                    "textBorderWidth": 2,
                },
                "upperLabel": {"show": True, "height": 22},
                "levels": [
                    {"itemStyle": {"borderWidth": 0, "gapWidth": 3}, "upperLabel": {"show": False}},
                    {"itemStyle": {"borderWidth": 0, "gapWidth": 1}},
                ],
                "data": data,
            }
        ],
    }


def _template(name: str) -> str:
    """A name without what ECharts would take for a placeholder of its templates."""
    from workbench.visible import one_line

    return one_line(name).replace("{", "(").replace("}", ")")[:80]
