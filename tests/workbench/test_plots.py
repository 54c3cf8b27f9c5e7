import re
from xml.etree import ElementTree

import pytest

from workbench.html import Html
from workbench.plots import Stage, _ticks, bars, funnel, histogram, short


def rects(svg: Html, kind: str) -> list[float]:
    return [float(width) for width in re.findall(rf'<rect class="{kind}"[^>]* width="([\d.]+)"', svg)]


@pytest.mark.parametrize(
    ("number", "shown"), [(0.25, "0.25"), (12, "12"), (3400, "3.4k"), (1.2e6, "1.2M"), (5e9, "5G")]
)
def test_short_numbers(number: float, shown: str) -> None:
    assert short(number) == shown


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 900, [0, 200, 400, 600, 800]),
        (3, 3, [3]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert _ticks(low, high) == pytest.approx(ticks)


def test_bars_are_as_long_as_their_values() -> None:
    svg = bars([("a", 40), ("b", 10), ("<evil>", 0)])
    longest, quarter, none = rects(svg, "keep")
    assert quarter == pytest.approx(longest / 4)
    assert none == 0
    assert "&lt;evil&gt;" in svg


def test_funnel_shows_what_each_step_took() -> None:
    svg = funnel([Stage("input", 100, 1000), Stage("language", 75, 900), Stage("rules", 30, 450)])
    whole, after, left = rects(svg, "keep")
    assert (after / whole, left / whole) == pytest.approx((0.75, 0.30), abs=0.001)
    assert rects(svg, "lost")[2] / whole == pytest.approx(0.45, abs=0.001)
    assert "−25.0 %" in svg
    assert "−60.0 %" in svg
    assert "900 tokens" in svg


@pytest.mark.parametrize(("above", "dropped"), [(True, 2), (False, 3)])
def test_histogram_colours_what_the_threshold_drops(above: bool, dropped: int) -> None:
    svg = histogram([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1], threshold=3, drops_above=above)
    assert len(rects(svg, "lost")) == dropped
    assert len(rects(svg, "keep")) == 5 - dropped
    assert f"drops {'above' if above else 'below'} 3" in svg


@pytest.mark.parametrize(
    "svg",
    [
        bars([]), bars([("x", 0)]), funnel([]), funnel([Stage("input", 0, 0), Stage("rules", 0, 0)]),
        histogram([0, 1], [0]), histogram([2, 2], [7], threshold=2), histogram([0, 1], [3], threshold=9),
        bars([("\x00\u202e", 1.5)], label='a"b<c>'),
    ],
)  # fmt: skip
def test_every_plot_is_well_formed(svg: Html) -> None:
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert not any(number in svg for number in ("nan", "inf"))
