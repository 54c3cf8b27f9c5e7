"""Drawing a picture, with its numbers and the query behind them one click away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.tables import table

if TYPE_CHECKING:
    import polars as pl

MOST = 5000
"""Rows that a chart may have: the browser draws each of them, so that more are summed up in SQL first."""


def vega(
    frame: pl.DataFrame,
    spec: Mapping[str, Any],
    *,
    alt: str,
    key: str,
    sql: Sequence[str] = (),
    height: int | None = None,
    on_choose: Callable[[], None] | None = None,
) -> None:
    """Draw a Vega-Lite specification over `frame` (at most `MOST` rows). alt: what it says, with its numbers.

    sql: the query behind it, of an `Answer`. Hosts, names and texts in the frame are drawn as text by Vega.
    on_choose: called when the selection of the specification's `params` changes; it stands in `st.session_state[key]`.
    """
    assert frame.height <= MOST, f"a chart of {frame.height} rows"
    options: dict[str, Any] = {} if height is None else {"height": height}
    if on_choose is not None:
        options["on_select"] = on_choose
    whole = {**_unspoken(spec), "config": {"axis": {"labelLimit": 320}}}
    st.vega_lite_chart(frame, whole, key=key, alt=alt, **options)
    behind(frame, key=key, sql=sql)


def _unspoken(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The specification with marks that are not read out: the picture has one name, `alt`, and its parts have none."""
    quiet = dict(spec)
    if "mark" in quiet:
        mark = quiet["mark"]
        quiet["mark"] = {**({"type": mark} if isinstance(mark, str) else mark), "aria": False}
    for name in ("layer", "hconcat", "vconcat", "concat"):
        if name in quiet:
            quiet[name] = [_unspoken(part) for part in quiet[name]]
    if "spec" in quiet:
        quiet["spec"] = _unspoken(quiet["spec"])
    return quiet


def echarts(
    spec: Mapping[str, Any], frame: pl.DataFrame, *, alt: str, key: str, sql: Sequence[str] = (), height: int = 360
) -> None:
    """Draw an ECharts option; `frame` holds its numbers, for those who want to read them."""
    st.echarts_chart(dict(spec), key=key, alt=alt, height=height)
    behind(frame, key=key, sql=sql)


def behind(frame: pl.DataFrame, *, key: str, sql: Sequence[str] = ()) -> None:
    """A small control that shows a picture's numbers and its query; nothing is sent before it is opened."""
    with st.popover("Numbers and query", type="tertiary", key=f"{key}-behind", on_change="rerun") as opened:
        if opened.open:
            table(frame.head(500), alt="the numbers of the picture", key=f"{key}-numbers")
            for each in sql:
                st.code(each, language="sql", wrap_lines=True)
