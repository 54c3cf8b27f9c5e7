"""Tables of the pages: fifty rows at a time, every text made visible, and one row chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import texts
from dashboard.frames import all_told
from workbench.visible import one_line

if TYPE_CHECKING:
    import polars as pl

PAGE = 50
_CHARACTERS = 300


def table(
    frame: pl.DataFrame,
    *,
    alt: str,
    columns: Mapping[str, Any] | None = None,
    key: str | None = None,
    choose: bool = False,
    chosen: int | None = None,
    height: int | None = None,
) -> int | None:
    """Show a small frame; the index of the chosen row where `choose` (which needs a key). alt: what it says.

    chosen: the row that is chosen at first; another key makes it count again.

    columns: `st.column_config` by name, or a plain title.
    """

    shown = all_told(frame, _safe)
    options: dict[str, Any] = {"hide_index": True, "column_config": columns, "alt": alt}
    if height is not None:
        options["height"] = height
    if not choose:
        st.dataframe(shown, key=key, **options)
        return None
    if chosen is not None:
        options["selection_default"] = {"selection": {"rows": [chosen]}}
    state: Any = st.dataframe(shown, key=key, on_select="rerun", selection_mode="single-row", **options)
    rows: Sequence[int] = state["selection"]["rows"]
    return rows[0] if rows and rows[0] < frame.height else None


def _safe(text: str) -> str:
    return one_line(text[:_CHARACTERS]) + ("…" if len(text) > _CHARACTERS else "")


def pages(total: int, key: str) -> int:
    """The offset of the page that the visitor is on, with the control to leave it where there is more than one.

    The control's value stands in the URL under `key`, and a page that is no longer there is the last one.
    """
    number = max(1, -(-total // PAGE))
    if number == 1:
        return 0
    page = st.pagination(number, key=key, bind="query-params")
    return PAGE * (min(max(1, int(page)), number) - 1)


def shown(offset: int, rows: int, total: int, what: str, *, of: str = "") -> None:
    """Which part of everything stands above: `rows 51 to 100 of 1,234 documents`."""
    part = f"Rows {offset + 1:,} to {offset + rows:,} of {total:,} {what}" if rows else f"No {what}"
    texts.line(part + (f" {of}" if of else "") + ".", soft=True)
