"""Buttons that go to what stands before and after in a list, by the keys K and J."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

NEXT, PREVIOUS = ("Next", "j"), ("Previous", "k")


def step(named: tuple[str, str], there: bool, go: Callable[..., None], *to: Any, key: str) -> None:
    """One button, which calls `go(*to)`. named: its title and its key. there: whether the list goes on.

    key: the page, for the key of the widget.
    """
    title, shortcut = named
    st.button(title, shortcut=shortcut, key=f"{key}-{shortcut}", disabled=not there, on_click=go, args=to)
