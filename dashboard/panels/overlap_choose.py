"""A table of which one row is open; its name stands in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import tables
from dashboard.panels import steps

if TYPE_CHECKING:
    import polars as pl


def choose(
    frame: pl.DataFrame,
    names: Sequence[str],
    param: str,
    *,
    alt: str,
    key: str,
    columns: Mapping[str, Any],
    height: int = 300,
) -> str | None:
    """Show `frame`, `names` one a row; what the URL holds under `param`, or the name of the row just clicked."""
    now = st.query_params.get(param)
    here = names.index(now) if now in names else None
    moves = st.session_state.get("overlap-moves", 0)
    shown = frame.select([name for name in columns if name in frame.columns])
    clicked = tables.table(
        shown, alt=alt, columns=columns, key=f"{key}-{moves}", choose=True, chosen=here, height=height
    )
    if clicked is not None and clicked != here:
        st.query_params[param] = names[clicked]
        return names[clicked]
    return now


def open_row(param: str, name: str) -> None:
    """Open a row by its name; for callbacks of buttons."""
    st.query_params[param] = name
    st.session_state["overlap-moves"] = st.session_state.get("overlap-moves", 0) + 1


def keys(names: Sequence[str], param: str, now: str | None) -> None:
    """Buttons that open the row before and after, by K and J."""
    place = names.index(now) if now in names else -1
    with st.container(horizontal=True):
        for named, to in ((steps.PREVIOUS, place - 1), (steps.NEXT, place + 1)):
            there = 0 <= to < len(names)
            steps.step(named, there, open_row, param, names[to] if there else "", key="overlap")
