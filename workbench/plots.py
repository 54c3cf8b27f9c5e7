"""Plots as inline SVG, coloured by the page's style sheet: bars, a funnel, intervals, a histogram."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from workbench.html import Html, escape
from workbench.render import count, percent, size

_WIDTH = 720
_LABEL = 190  # room for names on the left
_VALUE = 170  # room for numbers on the right
_SPAN = _WIDTH - _LABEL - _VALUE


class Stage(NamedTuple):
    """What is left after one step of a funnel; the first stage is the input."""

    name: str
    documents: int
    tokens: int | None = None
    bytes: int | None = None  # told beside the tokens


def short(number: float) -> str:
    """A number for an axis: 0.25, 12, 3.4k, 1.2M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= limit:
            return f"{number / limit:.3g}{unit}"
    return f"{number:.3g}"


def bars(items: Sequence[tuple[str, float]], label: str = "") -> Html:
    """Horizontal bars, one for each (name, value >= 0), in the order given."""
    top = max((value for _, value in items), default=0) or 1
    parts = []
    for index, (name, value) in enumerate(items):
        y = 26 * index
        length = _SPAN * value / top
        shown = count(value) if isinstance(value, int) else f"{value:,.4g}"
        parts.append(
            f"<g>{_title(f'{name}: {shown}')}{_name(name, y + 15)}"
            f'<rect class="track" x="{_LABEL}" y="{y + 3}" width="{_SPAN}" height="16" rx="2"/>'
            f'<rect class="keep" x="{_LABEL}" y="{y + 3}" width="{length:.1f}" height="16" rx="2"/>'
            f'<text x="{_WIDTH - _VALUE + 10}" y="{y + 15}">{shown}</text></g>'
        )
    return _svg(label or "bars", 26 * len(items) + 2, parts)


def funnel(stages: Sequence[Stage], label: str = "") -> Html:
    """What each step left of the documents (thick) and of the tokens (thin, where counted), and what it took."""
    parts = []
    y = 0
    first, before = (stages[0], stages[0]) if stages else (None, None)
    for stage in stages:
        assert first is not None and before is not None
        lost = before.documents - stage.documents
        taken = f"−{percent(lost / before.documents)}" if lost and before.documents else ""
        told = f"{stage.name}: {count(stage.documents)} documents left, {count(lost)} dropped"
        parts.append(
            f"<g>{_title(told)}{_name(stage.name, y + 15)}"
            f"{_kept(stage.documents, before.documents, first.documents, y + 3, 14, '')}"
            f'<text x="{_WIDTH - _VALUE + 10}" y="{y + 15}">{count(stage.documents)}</text>'
            f'<text class="drop" x="{_WIDTH}" y="{y + 15}" text-anchor="end">{taken}</text></g>'
        )
        y += 20
        if stage.tokens is not None and before.tokens is not None and first.tokens is not None:
            told = f"{stage.name}: {count(stage.tokens)} tokens left"
            sizes = f"{short(stage.tokens)} tokens" + ("" if stage.bytes is None else f", {size(stage.bytes)}")
            parts.append(
                f"<g>{_title(told)}{_kept(stage.tokens, before.tokens, first.tokens, y, 5, '-soft')}"
                f'<text class="soft" x="{_WIDTH - _VALUE + 10}" y="{y + 8}">{sizes}</text></g>'
            )
            y += 14
        y += 6
        before = stage
    return _svg(label or "funnel", y + 2, parts)


def _kept(now: int, before: int, first: int, y: float, height: int, tone: str) -> str:
    scale = _SPAN / (first or 1)
    kept, lost = now * scale, max(0, before - now) * scale
    return (
        f'<rect class="track" x="{_LABEL}" y="{y}" width="{_SPAN}" height="{height}" rx="2"/>'
        f'<rect class="keep{tone}" x="{_LABEL}" y="{y}" width="{kept:.1f}" height="{height}" rx="2"/>'
        f'<rect class="lost{tone}" x="{_LABEL + kept:.1f}" y="{y}" width="{lost:.1f}" height="{height}" rx="2"/>'
    )


class Interval(NamedTuple):
    """A number with its interval; `reference` is what it is compared with, drawn as a stroke."""

    name: str
    value: float
    low: float
    high: float
    reference: float | None = None


def intervals(items: Sequence[Interval], label: str = "", *, zero: bool = False) -> Html:
    """One line for each number: its interval as a bar, the number as a point, the reference as a stroke.

    zero: whether the scale holds 0, which is then marked; for differences.
    """
    ends = [one for item in items for one in (item.low, item.high, item.value, item.reference) if one is not None]
    ends = [end for end in ends if math.isfinite(end)] + ([0.0] if zero else [])
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    wide = (high - low) or 1.0

    def x(value: float) -> float:
        return _LABEL + _SPAN * (value - low) / wide

    parts, height = [], 26 * len(items) + 24
    for tick in _ticks(low, high):
        parts.append(f'<line class="axis" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="0" y2="{height - 20}"/>')
        parts.append(f'<text class="soft" x="{x(tick):.1f}" y="{height - 6}" text-anchor="middle">{short(tick)}</text>')
    if zero:
        parts.append(f'<line class="limit" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{height - 20}"/>')
    for index, item in enumerate(items):
        y = 26 * index
        known = math.isfinite(item.low) and math.isfinite(item.high)
        between = f" ({item.low:,.4g} to {item.high:,.4g})" if known else ""
        parts.append(f"<g>{_title(f'{item.name}: {item.value:,.4g}{between}')}{_name(item.name, y + 15)}")
        if known:
            parts.append(
                f'<rect class="keep-soft" x="{x(item.low):.1f}" y="{y + 8}" '
                f'width="{max(1.0, x(item.high) - x(item.low)):.1f}" height="6" rx="2"/>'
            )
        if item.reference is not None and math.isfinite(item.reference):
            at = x(item.reference)
            parts.append(f'<rect class="lost" x="{at - 1:.1f}" y="{y + 3}" width="2" height="16"/>')
        if math.isfinite(item.value):
            parts.append(f'<circle class="keep" cx="{x(item.value):.1f}" cy="{y + 11}" r="4"/>')
        shown = f"{item.value:,.4g}" if math.isfinite(item.value) else "unknown"
        parts.append(f'<text x="{_WIDTH - _VALUE + 10}" y="{y + 15}">{shown}</text></g>')
    return _svg(label or "intervals", height, parts)


# By whether what lies above the threshold is dropped, and whether the threshold itself is.
_DROPS = {
    (True, False): "drops above",
    (True, True): "drops from",
    (False, False): "drops below",
    (False, True): "drops up to",
}


def histogram(
    edges: Sequence[float],
    counts: Sequence[int],
    *,
    threshold: float | None = None,
    drops_above: bool = True,
    inclusive: bool = False,
    label: str = "",
) -> Html:
    """Counts between ascending edges [bins + 1]; what a threshold drops stands in another colour.

    A bin that the threshold cuts counts as dropped where its middle is. `inclusive` says that the threshold itself is
    dropped.
    """
    assert len(edges) == len(counts) + 1, "one edge more than bins"
    height, left, bottom = 220, 50, 26
    low, high = edges[0], edges[-1]
    if threshold is not None and math.isfinite(threshold):
        low, high = min(low, threshold), max(high, threshold)
    wide = (high - low) or 1.0
    top = max(counts, default=0) or 1
    plot = height - bottom - 18

    def x(value: float) -> float:
        return left + (_WIDTH - left - 10) * (value - low) / wide

    def y(value: float) -> float:
        return 18 + plot * (1 - value / top)

    parts = []
    for tick in _ticks(0, top):
        parts.append(f'<line class="axis" x1="{left}" x2="{_WIDTH - 10}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="soft" x="{left - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{short(tick)}</text>')
    for begin, end, number in zip(edges, edges[1:], counts, strict=False):
        middle = (begin + end) / 2
        dropped = threshold is not None and (middle > threshold if drops_above else middle < threshold)
        told = f"{short(begin)} to {short(end)}: {count(number)}"
        parts.append(
            f'<rect class="{"lost" if dropped else "keep"}" x="{x(begin) + 0.5:.1f}" y="{y(number):.1f}" '
            f'width="{max(0.5, x(end) - x(begin) - 1):.1f}" height="{height - bottom - y(number):.1f}">'
            f"{_title(told)}</rect>"
        )
    for tick in _ticks(low, high):
        parts.append(f'<text class="soft" x="{x(tick):.1f}" y="{height - 8}" text-anchor="middle">{short(tick)}</text>')
    if threshold is not None:
        at = x(threshold)
        side = "end" if at > _WIDTH / 2 else "start"
        parts.append(f'<line class="limit" x1="{at:.1f}" x2="{at:.1f}" y1="4" y2="{height - bottom}"/>')
        parts.append(
            f'<text class="drop" x="{at + (-5 if side == "end" else 5):.1f}" y="12" text-anchor="{side}">'
            f"{_DROPS[drops_above, inclusive]} {short(threshold)}</text>"
        )
    return _svg(label or "histogram", height, parts)


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers from `low` to `high`."""
    if not high > low:
        return [low]
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    return [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _name(name: str, y: float) -> str:
    shown = name if len(name) <= 26 else name[:25] + "…"
    return f'<text x="{_LABEL - 10}" y="{y}" text-anchor="end">{escape(shown)}</text>'


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>"


def _svg(label: str, height: int, parts: Sequence[str]) -> Html:
    return Html(
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )
