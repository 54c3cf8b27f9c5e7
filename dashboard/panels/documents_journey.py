"""The journey of a document: every step in order, the rule that decided, those that would have, and the rescue."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curate.ask.explain import judged, rescue, short_value
from curate.ask.finished import FinishedRun
from curate.rules import columns
from curate.rules.evaluate import LANG
from dashboard import chrome, texts
from dashboard.ask import ask, workspace
from dashboard.chrome import Here
from dashboard.queries import documents
from dashboard.source import Source
from dashboard.workspace import RunRef
from workbench.html import Html, escape, table, visible

_COLUMNS = ["step", "what happened", "value", "drops if", ""]
Row = list[Any]


def show(here: Here, decision: dict[str, Any], document: dict[str, Any] | None) -> None:
    """All that the run knows, in the order in which the pipeline asked."""
    run = here.run
    settings = ask(told, run, root=str(workspace().root)).value
    rules = ask(rules_of, run, key=decision["id"], root=str(workspace().root)).value if _own(decision) else []
    duplicate = ask(documents.duplicate, run, key=decision["id"]).value if _own(decision) else None
    rows = [*_read(decision, document, settings), *_edited(run, decision), *(_rule(decision, rule) for rule in rules)]
    rows += [*_compared(run, decision, duplicate, settings), *_contaminated(run, decision), _decided(decision)]
    texts.show(table(_COLUMNS, rows))
    advice = rescue(decision, rules, None)
    if advice:
        texts.line("What would rescue it", strong=True)
        for line in advice:
            texts.line(f"• {line}")
    elif decision["rule"] == "duplicates.deleted":
        texts.line("It was deleted from the index; curate explain says when and why.", soft=True)
    if duplicate is not None:
        _go_on(here, duplicate)


def told(source: Source, *, root: str) -> dict[str, Any]:
    """Of the run's settings what the journey names: the extractor, and whether documents were compared."""
    settings = _opened(source, root).settings
    return {"engine": settings.extract.engine, "compared": settings.duplicates.documents}


def rules_of(source: Source, *, key: str, root: str) -> list[dict[str, Any]]:
    """Every rule of the run's profile with the document's value; none for a page that no rule judged."""
    profile = _opened(source, root).profile
    row = documents.measures(source, key=key, columns=tuple(dict.fromkeys([*columns(profile), LANG])))
    return [] if row.is_empty() else judged(profile, row)


def _opened(source: Source, root: str) -> FinishedRun:
    from pathlib import Path

    return FinishedRun.open(str(source.run.path), Path(root))


def _own(decision: dict[str, Any]) -> bool:
    return bool(decision["rule"] != "read.same_record")


def _strong(text: str) -> Html:
    return Html(f"<strong>{visible(text)}</strong>")


def _mark(decision: dict[str, Any], step: str) -> Any:
    if decision["step"] != step or decision["state"] == "kept":
        return "✓"
    return _strong("✗ failed here" if decision["state"] == "failed" else "✗ dropped here")


def _read(decision: dict[str, Any], document: dict[str, Any] | None, settings: dict[str, Any]) -> list[Row]:
    facts = document or {}
    origin = f"{decision['file']} at {decision['row']}"
    kind = ", ".join(str(facts[name]) for name in ("mime", "charset") if facts.get(name))
    rows: list[Row] = [["read", origin, kind or None, None, _mark(decision, "read")]]
    if decision["step"] == "read" and decision["state"] != "kept":
        return [*rows, *_ended(decision)]
    rows.append(["extract", settings["engine"], f"{decision['chars']:,} characters", None, _mark(decision, "extract")])
    if decision["step"] == "extract" or decision["state"] == "failed":
        return [*rows, *_ended(decision)]
    score = facts.get("lang_score")
    sure = None if score is None else f"score {score:.3f}"
    return [*rows, ["language", decision["lang"], sure, None, "✓"]]


def _ended(decision: dict[str, Any]) -> list[Row]:
    why = decision["error"] or decision["rule"]
    return [[decision["step"], why, short_value(decision["value"]), decision["threshold"], _mark(decision, "")]]


def _edited(run: RunRef, decision: dict[str, Any]) -> list[Row]:
    if decision["state"] == "failed" or decision["step"] in ("read", "extract"):
        return []
    kinds: dict[str, int] = {}
    for edit in ask(documents.edits, run, key=decision["id"]).value:
        kinds[edit["kind"]] = kinds.get(edit["kind"], 0) + 1
    told = ", ".join(f"{kind} {number:,}" for kind, number in sorted(kinds.items()))
    return [["edits", told or "nothing was changed", f"{sum(kinds.values()):,} edits", None, "✓"]]


def _rule(decision: dict[str, Any], rule: dict[str, Any]) -> Row:
    value = rule["value"]
    shown = "unknown" if value is None or value != value else short_value(str(value))
    limit = rule["limit"]
    if not rule["applies"]:
        end: Any = "not for this language"
    elif not rule["fails"]:
        end = "✓ passes"
    elif decision["rule"] == rule["rule"]:
        end = _strong("✗ dropped here")
    else:
        end = _strong("✗ would fail too")
    what = Html(f'<span title="{escape(rule["why"] or "")}">{visible(rule["rule"])}</span>') if rule["fails"] else None
    return ["rules", what or rule["rule"], shown, limit, end]


def _compared(
    run: RunRef, decision: dict[str, Any], duplicate: dict[str, Any] | None, settings: dict[str, Any]
) -> list[Row]:
    if duplicate is not None and decision["step"] == "duplicates":
        found = f"{duplicate['method']}, of {duplicate['kept_url'] or duplicate['kept_id']}"
        near = None if duplicate["jaccard"] is None else f"similarity {duplicate['jaccard']:.4g}"
        return [["duplicates", found, near, decision["threshold"], _mark(decision, "duplicates")]]
    if decision["step"] == "duplicates":
        return [["duplicates", decision["rule"], short_value(decision["value"]), None, _mark(decision, "duplicates")]]
    if decision["state"] != "kept":
        return []
    if not settings["compared"]:
        return [["duplicates", "documents were not compared", None, None, ""]]
    number = ask(documents.stands_for, run, key=decision["id"]).value
    return [["duplicates", f"stands for {number:,} removed duplicates" if number else "no duplicate", None, None, "✓"]]


def _contaminated(run: RunRef, decision: dict[str, Any]) -> list[Row]:
    rows = []
    for row in ask(documents.items, run, key=decision["id"]).value[:10]:
        what = f"{row['suite']}:{row['item']} {row['part']}"
        end = _mark(decision, "contamination") if decision["step"] == "contamination" else "found"
        rows.append(["contamination", what, f"score {row['score']:.3f}", f">= {row['threshold']:.3f}", end])
    return rows


def _decided(decision: dict[str, Any]) -> Row:
    also = [rule for rule in decision["fails"] or [] if rule != decision["rule"]]
    why = decision["rule"] or decision["error"]
    more = f"; {len(also)} more would fail" if also else ""
    return ["decide", _strong(decision["state"]), f"{why}{more}" if why else None, None, ""]


def _go_on(here: Here, duplicate: dict[str, Any]) -> None:
    from dashboard.panels.documents_one import open_document

    with st.container(horizontal=True):
        st.button("Open the kept page", on_click=open_document, args=(str(duplicate["kept_id"]),))
        chrome.link(
            "overlap",
            "The two side by side",
            run=here.run.id,
            tab="duplicates",
            cluster=duplicate["cluster"],
            pair=duplicate["dropped_id"],
        )
