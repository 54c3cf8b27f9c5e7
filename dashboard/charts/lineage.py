"""The picture of a lineage: rows of boxes, from what came first to what came last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dashboard.queries.paths import Node, Picture
from workbench.visible import one_line

_WIDE, _HIGH = 196, 46  # of a box, in pixels
_PITCH = 78
_ROW = 5
_TITLE, _ABOUT = 23, 31  # characters that fit into a box


class State(NamedTuple):
    """How a state is drawn: not by colour alone, each has a sign, and the legend says what it means."""

    sign: str
    words: str
    light: str = "#59616a"
    dark: str = "#a4adb5"
    line: str = "solid"
    width: float = 1


STATES = {
    "ok": State("", "part of the lineage"),
    "focus": State("◉", "what you look at", "#009E73", "#2DC79B", width=2.5),
    "out": State("✕", "does not hold what is looked for", line="dashed"),
    "changed": State("⚠", "a parent has changed or gone since it was made", "#D55E00", "#E69F00", width=2),
    "unfinished": State("…", "not finished, or not readable", line="dotted", width=1.5),
    "gone": State("?", "named by a run, but not in this workspace", "#D55E00", "#E69F00", "dashed", 1.5),
}


def height(picture: Picture) -> int:
    """Pixels that the picture needs."""
    return _PITCH * len(_rows(picture.nodes)) + 8


def spec(picture: Picture, *, dark: bool) -> dict[str, Any]:
    """An ECharts graph whose boxes stand where we put them. Names from the disk are data, without template marks."""
    rows = _rows(picture.nodes)
    places = {node.key: (column, row, len(each)) for row, each in enumerate(rows) for column, node in enumerate(each)}
    states = {node.key: node.state for node in picture.nodes}
    wide = max((len(row) for row in rows), default=1)
    text, soft = ("#e4e6e3", "#a4adb5") if dark else ("#1d2024", "#59616a")
    return {
        "animation": False,
        "grid": {"left": 4, "right": 4, "top": 4, "bottom": 4},
        "xAxis": {"type": "value", "min": 0, "max": wide, "show": False},
        "yAxis": {"type": "value", "min": 0, "max": len(rows), "inverse": True, "show": False},
        "tooltip": {"formatter": "{b}", "confine": True},
        "series": [
            {
                "type": "lines",
                "coordinateSystem": "cartesian2d",
                "silent": True,
                "symbol": ["none", "arrow"],
                "symbolSize": 7,
                "z": 1,
                "data": [
                    _line(places[above], places[below], wide, "dashed" if states[below] == "out" else "solid", soft)
                    for above, below in picture.edges
                ],
            },
            {
                "type": "graph",
                "coordinateSystem": "cartesian2d",
                "layout": "none",
                "symbol": "rect",
                "symbolSize": [_WIDE, _HIGH],
                "z": 2,
                "data": [_box(node, places[node.key], wide, dark, text, soft) for node in picture.nodes],
            },
        ],
    }


def _rows(nodes: Sequence[Node]) -> list[list[Node]]:
    """The nodes by layer; a layer that is too wide takes several rows."""
    layers: dict[int, list[Node]] = {}
    for node in nodes:
        layers.setdefault(node.layer, []).append(node)
    return [
        layers[layer][first : first + _ROW] for layer in sorted(layers) for first in range(0, len(layers[layer]), _ROW)
    ]


def _middle(place: tuple[int, int, int], wide: int) -> list[float]:
    """Where the middle of a box stands: columns of the picture, rows from the top."""
    column, row, many = place
    return [(wide - many) / 2 + column + 0.5, row + 0.5]


def _line(above: tuple[int, int, int], below: tuple[int, int, int], wide: int, kind: str, color: str) -> dict[str, Any]:
    """From the lower edge of one box to the upper edge of the other."""
    half = _HIGH / 2 / _PITCH
    (x1, y1), (x2, y2) = _middle(above, wide), _middle(below, wide)
    style = {"color": color, "opacity": 0.8, "width": 1.2, "type": kind, "curveness": 0}
    return {"coords": [[x1, y1 + half], [x2, y2 - half]], "lineStyle": style}


def _box(node: Node, place: tuple[int, int, int], wide: int, dark: bool, text: str, soft: str) -> dict[str, Any]:
    state = STATES[node.state]
    title = f"{state.sign} {node.title}" if state.sign else node.title
    return {
        "name": f"{_plain(node.title)}: {_plain(node.about)}"[:600],
        "value": _middle(place, wide),
        "itemStyle": {
            "color": "#202428" if dark else "#f2f3f0",
            "borderColor": state.dark if dark else state.light,
            "borderType": state.line,
            "borderWidth": state.width,
        },
        "label": {
            "show": True,
            "position": "inside",
            "formatter": f"{{title|{_cut(title, _TITLE)}}}\n{{about|{_cut(node.about, _ABOUT)}}}",
            "rich": {
                "title": {"color": text, "fontWeight": 600, "fontSize": 13, "lineHeight": 18},
                "about": {"color": soft, "fontSize": 11, "lineHeight": 16},
            },
        },
    }


def _cut(text: str, most: int) -> str:
    safe = _plain(text)
    return safe if len(safe) <= most else safe[: most - 1] + "…"


def _plain(text: str) -> str:
    """Without what ECharts would take for a mark of its templates."""
    return one_line(text).replace("{", "(").replace("}", ")").replace("|", "¦")
