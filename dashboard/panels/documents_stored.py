"""What became of a document, and its text where the run stored one."""

from __future__ import annotations

from typing import Any

from curate.ask.explain import short_value
from dashboard import cards, texts
from dashboard.ask import source_of
from dashboard.queries import documents
from dashboard.workspace import RunRef


def verdict(decision: dict[str, Any]) -> str:
    """What became of a document, in one line."""
    if decision["state"] == "kept":
        return "✓ kept"
    if decision["state"] == "failed":
        return f"⚠ failed in {decision['step']}: {decision['error']}"
    value = "" if decision["value"] is None else f", value {short_value(decision['value'])}"
    limit = "" if decision["threshold"] is None else f", dropped if {decision['threshold']}"
    return f"✗ dropped by {decision['rule']}{value}{limit}"


def stored(run: RunRef, decision: dict[str, Any]) -> dict[str, Any] | None:
    """The document as the run stored it, with its text; None where it stored none."""
    if decision["state"] == "failed" or decision["rule"] == "read.same_record":
        return None
    place = {"key": decision["id"], "state": decision["state"], "file": decision["file"], "row": decision["row"]}
    return documents.text(source_of(run), **place)


def without_text(run: RunRef, decision: dict[str, Any]) -> None:
    """A card that says why there is no text."""
    share = run.counts.get("dropped_texts_stored_ppm")
    if decision["state"] == "failed":
        why = "it failed before there was one"
    elif decision["rule"] == "read.same_record":
        why = "an earlier record of this run has the same id"
    elif str(decision["rule"]).startswith(("read.", "extract.")):
        why = "none was extracted from its record"
    elif share is not None and share < 1_000_000:
        why = f"of dropped documents the run stored a sample, {share / 10_000:.4g} % of their text"
    else:
        why = "it is not among the texts that the run stored"
    cards.problem(f"No text of this document is stored: {why}.", "Journey and Raw show what is known of it.")
    if decision["snippet"]:
        texts.document(decision["snippet"], label="the beginning of the text, which the decision holds")
