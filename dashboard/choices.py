"""Choices that stand in the URL by their own names: Streamlit's `bind` would write there what is shown of them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import texts

_SHOWN = 120  # characters of what an address asks for


def follow(key: str, options: Sequence[str], usual: str | None, what: str) -> None:
    """Before a widget of this key: what a link asks for, else what was chosen, else `usual`.

    what: what the options are, for the line that says that a link asked for something that is not there.
    """
    asked = st.query_params.get(key)
    wanted = st.session_state.get(key)
    if asked in options and asked != st.session_state.get(_followed(key)):
        wanted = asked  # a link, and no word of ours
    elif wanted not in options:
        wanted = usual
    if asked is not None and asked not in options:
        instead = "." if wanted is None else "; another one is shown."
        texts.line(f"There is no {what} '{asked[:_SHOWN]}' here{instead}", soft=True)
        del st.query_params[key]
    st.session_state[key] = wanted  # also where it is that already: on another page the control begins without it


def keep(key: str, chosen: str | None) -> None:
    """After it: the choice, written into the URL."""
    if chosen is None:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != chosen:
        st.query_params[key] = chosen
    st.session_state[_followed(key)] = chosen


def _followed(key: str) -> str:
    return f"{key}-in-the-url"
