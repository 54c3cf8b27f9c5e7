"""Cards: what a dataset or a model says of itself, what is still blank, and what two versions say differently."""

from __future__ import annotations

import shlex

import streamlit as st

from dashboard import cards, cardtext, chrome, texts
from dashboard.queries import cards as found_cards
from dashboard.queries.cards import Card
from dashboard.settings import current
from dashboard.tables import PAGE
from dashboard.workspace import RunRef, Workspace
from workbench.errors import UserError
from workbench.html import Html, visible


def show(here: Workspace) -> None:
    """The card of the chosen run; with another run, what differs."""
    known = {run.id: card for run in reversed(here.runs) if (card := found_cards.card(run)) is not None}
    options = [*(here.runs[number] for number in range(len(here.runs) - 1, -1, -1))]
    with_card = [run for run in options if run.id in known]
    run, other = chrome.pickers(with_card or options, compare=bool(with_card))
    card = known.get(run.id)
    if card is None:
        _none(run)
        return
    words = found_cards.text(card.path)
    _blanks(card, words)
    _download(card)
    if other is not None and other.id in known:
        with cards.guarded():
            _difference(known[other.id], card)
    with st.container(border=True):
        texts.show(cardtext.render(words))


def _none(run: RunRef) -> None:
    command = f"curate card {shlex.quote(str(run.path))} --root {shlex.quote(str(current().root))}"
    cards.empty(f"The run '{run.id}' has no card, and no other run has one.", command)


def _blanks(card: Card, words: str) -> None:
    open_ones = found_cards.blanks(words)
    if not open_ones:
        st.caption("No blank is open in this card.")
        return
    said = "One blank is" if len(open_ones) == 1 else f"{len(open_ones)} blanks are"
    hint = "edit its text, or give the answers to: curate card RUN --answers FILE"
    cards.problem(f"{said} still open: only people can fill them in.", hint)
    with st.expander("The open blanks", on_change="rerun") as opened:
        if opened.open:
            for line in open_ones[:PAGE]:
                texts.line(line)


def _download(card: Card) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Card (Markdown)", lambda: found_cards.read(card.path), "README.md", "text/markdown", on_click="ignore"
        )
        if card.croissant is not None:
            croissant = card.croissant
            st.download_button(
                "Croissant (JSON-LD)",
                lambda: found_cards.read(croissant),
                "croissant.json",
                "application/ld+json",
                on_click="ignore",
            )
        texts.line(str(card.path), soft=True)


def _difference(before: Card, after: Card) -> None:
    try:
        lines = found_cards.difference(found_cards.text(before.path), found_cards.text(after.path))
    except UserError as error:
        cards.failed(error)
        return
    st.header("What differs", anchor=False)
    added, removed = (sum(sign == which for sign, _ in lines) for which in "+-")
    texts.line(f"{after.run.id} has {added} lines that {before.run.id} has not, and lacks {removed} of its lines.")
    if not lines:
        return
    kinds = {"+": "added", "-": "removed"}
    parts = []
    for sign, line in lines[:1000]:
        mark = kinds.get(sign)
        content = visible("…" if sign == "@" else f"{'−' if sign == '-' else sign} {line}")
        parts.append(f'<span class="{mark}">{content}</span>' if mark else content)
    texts.show(
        Html(f'<pre class="diff" tabindex="0" role="region" aria-label="Lines that differ">{chr(10).join(parts)}</pre>')
    )
    if len(lines) > 1000:
        st.caption(f"The first 1,000 of {len(lines):,} lines.")
