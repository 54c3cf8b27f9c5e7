"""One document: what became of it, the keys that go on and label, and the view that is open."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import cards, texts
from dashboard.ask import ask
from dashboard.chrome import Here
from dashboard.panels import documents_list, documents_views, labels, steps
from dashboard.panels.documents_list import Listing
from dashboard.panels.documents_stored import verdict
from dashboard.queries import documents
from dashboard.tables import PAGE

ABOUT = "document"
_LABELS = {"g": ("Good", "good"), "b": ("Bad", "bad"), "n": ("No label", "")}
VIEWS = ("Final", "Difference", "Journey", "Raw")
COMPARED = "Other run"
"""As they stand in the URL: Streamlit reads an option there by the name that is shown."""


def show(here: Here, found: Listing, key: str) -> None:
    """The document named `key` (id, beginning of an id, or address) of the run."""
    decision = ask(documents.find, here.run, key=key).value
    if decision is None:
        cards.problem(
            f"The run '{here.run.id}' has no document '{key[:120]}'.",
            "it is named by its id, 8 digits of it or more, or its whole address",
        )
        return
    with st.container(border=True, key="docs-one"):
        _head(decision)
        _keys(here, found, decision)
        with cards.guarded():
            labels.row(here.run.id, decision["id"], ABOUT, _LABELS, title="Labels", key="documents")
        view = _view(here)
        with cards.guarded():
            documents_views.show(here, found.query, decision, view)


def start(found: Listing) -> None:
    """The key that opens the first document of the list."""
    _go(("First document", "j"), found, found.offset)


def open_document(key: str) -> None:
    """Show another document; for callbacks of buttons."""
    st.query_params["id"] = key
    st.session_state["documents-moves"] = st.session_state.get("documents-moves", 0) + 1


def _head(decision: dict[str, Any]) -> None:
    texts.line(verdict(decision), strong=True)
    texts.line(decision["url"] or "no address")
    size = f"{decision['tokens']:,} tokens, {decision['chars']:,} characters"
    texts.line(f"{decision['id']} · {decision['lang'] or 'language not judged'} · {size}", soft=True)


def _keys(here: Here, found: Listing, decision: dict[str, Any]) -> None:
    place = documents_list.rank(found, decision)
    following = 0 if place is None else place + 1
    with st.container(horizontal=True, vertical_alignment="center"):
        _go(steps.PREVIOUS, found, None if place is None else place - 1)
        _go(steps.NEXT, found, following)
        st.button("Difference", shortcut="d", key="documents-d", on_click=_turn, help="and back to the final text")
        if place is None:
            st.caption("Not in the list above.")
        else:
            st.caption(f"{place + 1:,} of {found.total:,} in the list above")


def _go(named: tuple[str, str], found: Listing, to: int | None) -> None:
    steps.step(named, to is not None and 0 <= to < found.total, _move, found, to, key="documents")


def _move(found: Listing, to: int) -> None:
    """Open the document at a place of the list, and turn to its page."""
    key = found.at(to)
    if key is not None:
        st.session_state["documents-at"] = to
        if st.session_state.get("page", 1) != to // PAGE + 1:
            st.session_state["page"] = to // PAGE + 1
        open_document(key)


def _turn() -> None:
    now = st.session_state.get("view")
    st.session_state["view"] = "Final" if now == "Difference" else "Difference"


def _view(here: Here) -> str:
    options = [*VIEWS, COMPARED] if here.other is not None else list(VIEWS)
    held = str(st.session_state.get("view", st.query_params.get("view", ""))).capitalize()
    st.session_state["view"] = held if held in options else options[0]
    chosen = st.segmented_control(
        "View",
        options,
        key="view",
        bind="query-params",
        label_visibility="collapsed",
        required=True,
    )
    return chosen if chosen in options else options[0]
