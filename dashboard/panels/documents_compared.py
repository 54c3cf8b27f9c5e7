"""The same page in two runs: both verdicts, and where the final texts differ."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import cards, texts
from dashboard.aligned import aligned
from dashboard.ask import ask
from dashboard.panels.documents_stored import stored, verdict
from dashboard.queries import documents
from dashboard.workspace import RunRef


def show(run: RunRef, other: RunRef, decision: dict[str, Any]) -> None:
    """`decision` is the page's in `run`; in `other` it is looked for by its id, then by its address."""
    there = ask(documents.find, other, key=decision["id"]).value
    if there is None and decision["url"]:
        there = ask(documents.find, other, key=decision["url"]).value
    texts.line(f"{run.id}: {verdict(decision)}")
    if there is None:
        cards.problem(f"The run '{other.id}' has no page with this id or address.")
        return
    texts.line(f"{other.id}: {verdict(there)}")
    mine, its = stored(run, decision), stored(other, there)
    if mine is None or its is None or mine["text"] is None or its["text"] is None:
        lacking = run.id if mine is None or mine["text"] is None else other.id
        cards.problem(f"The texts cannot be compared: '{lacking}' stored none of this page.")
        return
    if mine["text"] == its["text"]:
        st.caption(f"The final texts are equal, character for character ({len(mine['text']):,} characters).")
        return
    found = aligned(mine["text"], its["text"], (run.id, other.id))
    if not found.places:
        st.caption("The final texts differ in white space only.")
        return
    beyond = "" if found.whole else " at least; the texts are longer than what is compared"
    told = f"{found.places:,} places differ{beyond}. − only left, + only right; white space aside."
    texts.line(told, soft=True)
    texts.show(found.markup)
