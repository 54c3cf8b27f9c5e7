"""Buttons that say what somebody thinks of a document, a pair or a hit; what was said stands in the people's file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from dashboard import cards, texts
from dashboard.ask import people
from dashboard.chrome import rater
from workbench.errors import UserError
from workbench.people import Label

_FAILED = "label-failed"  # in the session: why the last label was not kept


def row(run: str, item: str, about: str, keys: Mapping[str, tuple[str, str]], *, title: str, key: str) -> None:
    """The visitor's name with the buttons beside it, and below them what everybody has said so far.

    keys: by key, the title of each button and the label that it gives ("" takes the visitor's own back). title: what
    the labels are called here. key: the page, for the keys of its widgets.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        buttons(run, item, about, keys, who=rater(), key=key)
    failed()
    said = [label for label in people().labels(run, about) if label.item == item]
    told = ", ".join(f"{label.label} ({label.rater})" for label in said)
    texts.line(f"{title}: {told or 'none yet'}", soft=True)


def buttons(
    run: str,
    item: str,
    about: str,
    keys: Mapping[str, tuple[str, str]],
    *,
    who: str,
    key: str,
    then: Callable[[], None] | None = None,
) -> None:
    """The buttons alone. who: in whose name; without one they wait. then: what follows a label that was kept."""
    for shortcut, (title, label) in keys.items():
        st.button(
            title,
            shortcut=shortcut,
            key=f"{key}-{shortcut}",
            disabled=not who,
            help=None if who else "Give your name first",
            on_click=_say,
            args=(Label(run, item, about, who, label), then),
        )


def failed() -> None:
    """A card where the last label was not kept."""
    error = st.session_state.pop(_FAILED, None)
    if error is not None:
        cards.failed(error)


def _say(label: Label, then: Callable[[], None] | None) -> None:
    try:
        people().label(label)
    except UserError as error:
        st.session_state[_FAILED] = error
    else:
        if then is not None:
            then()
