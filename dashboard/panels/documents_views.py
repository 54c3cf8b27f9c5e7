"""The views of one document: its final text, what was changed, its journey, and the record's facts."""

from __future__ import annotations

from shlex import quote
from typing import Any

import streamlit as st

from curate.search.query import matches
from dashboard import cards, marked, texts
from dashboard.ask import ask
from dashboard.chrome import Here
from dashboard.panels import documents_compared, documents_journey
from dashboard.panels.documents_stored import stored, without_text
from dashboard.queries import documents
from dashboard.workspace import RunRef
from workbench.html import Span
from workbench.render import size


def show(here: Here, query: str, decision: dict[str, Any], view: str) -> None:
    """The view of that name; only this one is computed."""
    if view == "Journey":
        documents_journey.show(here, decision, stored(here.run, decision))
    elif view == "Raw":
        _raw(here.run, decision, stored(here.run, decision))
    elif view == "Other run" and here.other is not None:
        documents_compared.show(here.run, here.other, decision)
    else:
        document = stored(here.run, decision)
        if document is None or document["text"] is None:
            without_text(here.run, decision)
        elif view == "Difference":
            _difference(here.run, decision, document["text"])
        else:
            _final(here.run, query, decision, document)


def _edits(run: RunRef, decision: dict[str, Any]) -> list[dict[str, Any]]:
    return ask(documents.edits, run, key=decision["id"]).value


def _final(run: RunRef, query: str, decision: dict[str, Any], document: dict[str, Any]) -> None:
    text = document["text"]
    edits = _edits(run, decision)
    pieces, problem = marked.pieces_of(text, edits)
    places = ask(documents.items, run, key=decision["id"]).value
    spans = [
        Span(row["start"], row["end"], f"{row['suite']}:{row['item']} {row['part']}, score {row['score']:.2f}", "item")
        for row in places
    ]
    if query:
        part = marked.first_part(text)
        spans += [Span(begin, end, "searched for", "found") for begin, end in matches(query, part)[:300]]
    found = marked.final(pieces, spans)
    if problem:
        cards.problem("The stored edits are not those of this text; it is shown without them.", problem)
    if document["title"]:
        texts.line(document["title"], strong=True)
    _how_much(found, text)
    texts.box(found.markup, label="the document's final text")
    private = sum(edit["step"] == "pii" and edit["replacement"] is not None for edit in edits)
    cut = sum(edit["step"] != "pii" and edit["replacement"] is not None for edit in edits)
    suites = len({(row["suite"], row["item"]) for row in places})
    legend = (
        f"{private:,} personal values replaced (chips name their kind; the values were never stored) · "
        f"{cut:,} passages cut (✂) · {suites:,} benchmark items found (double underline). Point at a mark to read more."
    )
    st.caption(legend)


def _difference(run: RunRef, decision: dict[str, Any], text: str) -> None:
    edits = _edits(run, decision)
    if not edits:
        st.caption("Nothing was changed: the final text is the text as it was extracted.")
        return
    pieces, problem = marked.pieces_of(text, edits)
    if problem:
        cards.problem("The stored edits are not those of this text, so that no difference can be drawn.", problem)
        return
    kinds: dict[str, int] = {}
    for edit in edits:
        kinds[edit["kind"]] = kinds.get(edit["kind"], 0) + 1
    texts.line("Edits: " + ", ".join(f"{kind} {number:,}" for kind, number in sorted(kinds.items())), soft=True)
    found = marked.difference(pieces)
    _how_much(found, text)
    texts.box(found.markup, label="what was changed in the document")
    st.caption("− struck out: in the extracted text only · + underlined: what stands there now (exact, from the edits)")


def _how_much(found: marked.Shown, text: str) -> None:
    if found.shown < found.total:
        part = f"the first {found.shown:,} of {found.total:,} characters"
        cards.problem(f"This document is large: {part} are shown ({size(len(text.encode()))} in all).")


def _raw(run: RunRef, decision: dict[str, Any], document: dict[str, Any] | None) -> None:
    inputs = ask(documents.inputs, run).value
    facts = [
        ("id", decision["id"]),
        ("address", decision["url"]),
        ("host", decision["host"]),
        ("record's date", (document or {}).get("date")),
        ("input file", decision["file"]),
        ("offset or row in it", f"{decision['row']}"),
        ("digest of the input file", inputs.get(decision["file"] or "")),
        ("MIME type", (document or {}).get("mime")),
        ("charset", (document or {}).get("charset")),
        ("cut by the crawler", (document or {}).get("truncated")),
        ("bytes of text", f"{decision['bytes']:,}"),
        ("topic", (document or {}).get("domain")),
        ("quality", (document or {}).get("quality")),
        ("error", decision["error"]),
    ]
    texts.facts([(name, value) for name, value in facts if value is not None])
    st.caption("The same on a terminal, with the blocks of the page where its input is still there:")
    st.code(f"curate explain {quote(str(run.path))} {decision['id']}", language="bash")
