"""Benchmark items in a run: suites, items, and one item beside a document that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import cards, chrome, tables, texts
from dashboard.ask import ask, source_of, workspace
from dashboard.panels import labels, overlap_verdicts
from dashboard.panels.overlap_choose import choose, keys
from dashboard.queries import contamination, documents, overlap
from dashboard.workspace import RunRef
from workbench.html import Html, Span, mark, visible

ABOUT = "contamination"
WRONG = "benign"
_KEYS = {"b": ("Benign", WRONG), "x": ("Contaminated", "contaminated"), "u": ("No verdict", "")}
_LENGTHS = ("5", "8", "13", "20")
_AROUND = 2000
_NUMBER = st.column_config.NumberColumn
_TEXT = st.column_config.TextColumn
_SUITES = {
    "suite": _TEXT("Suite"),
    "items": _NUMBER("Items", format="localized"),
    "testable": _NUMBER("Testable", format="localized"),
    "contaminated": _NUMBER("In the run", format="localized"),
    "share": _NUMBER("Share of items", format="percent"),
    "common": _NUMBER("Mostly common words", format="localized"),
}
_ITEMS = {
    "suite": _TEXT("Suite"),
    "item": _NUMBER("Item"),
    "words": _NUMBER("Words"),
    "contaminated": st.column_config.CheckboxColumn("In the run"),
    "documents": _NUMBER("Documents", format="localized"),
    "best_score": _NUMBER("Best score", format="%.3f"),
    "answer_documents": _NUMBER("With the answer", format="localized"),
    "covered": _NUMBER("Words covered", format="percent"),
    "common": _NUMBER("Common", format="percent"),
}
_HOLDERS = {
    "score": _NUMBER("Score", format="%.3f"),
    "parts": _TEXT("Holds"),
    "state": _TEXT("State"),
    "host": _TEXT("Host"),
    "tokens": _NUMBER("Tokens", format="localized"),
    "id": _TEXT("Id"),
}


def show(run: RunRef) -> None:
    """The tab; a card where nobody looked for benchmark items."""
    if not source_of(run).has("suites"):
        command = f"curate decontaminate {run.path} --against BENCHMARKS --out NEW"
        cards.empty("Nobody has looked for benchmark items in this run.", command)
        return
    suites = ask(contamination.suites, run).value
    tables.table(
        suites,
        alt=f"{int(suites['contaminated'].sum()):,} of {int(suites['items'].sum()):,} items are in the run",
        columns=_SUITES,
        key="overlap-suites",
    )
    st.caption("Exact counts. Point at a column's title to sort; shares are of all items, testable or not.")
    with cards.guarded():
        overlap_verdicts.share(run.id, ABOUT, WRONG, "hits")
    st.header("Items", anchor=False)
    names = suites["suite"].to_list()
    suite = _suite(names)
    found = st.toggle("Only items that are in the run", value=True, key="found", bind="query-params")
    number = ask(contamination.number, run, suite=suite, found=found).value
    offset = tables.pages(number, "items")
    rows = ask(contamination.items, run, suite=suite, found=found, offset=offset, limit=tables.PAGE).value
    tables.shown(offset, rows.height, number, "items, those in most documents first")
    keyed = [f"{row['suite']}:{row['item']}" for row in rows.iter_rows(named=True)]
    key = f"overlap-items-{suite}-{found}-{offset}"
    chosen = choose(rows, keyed, "item", alt=f"{number:,} benchmark items", key=key, columns=_ITEMS)
    if chosen:
        with cards.guarded():
            _item(run, chosen)


def _suite(names: list[str]) -> str | None:
    held = st.session_state.get("suite", st.query_params.get("suite"))
    if held is not None and held not in names:
        cards.problem(f"This run knows no suite '{str(held)[:80]}'; items of all suites are shown.")
    st.session_state["suite"] = held if held in names else None
    return st.selectbox("Suite", names, index=None, key="suite", bind="query-params", placeholder="all", width=320)


def _item(run: RunRef, chosen: str) -> None:
    suite, _, number = chosen.rpartition(":")
    row = None
    if number.isascii() and number.isdigit() and len(number) < 12:
        row = ask(contamination.item, run, suite=suite, item=int(number)).value
    if row is None:
        cards.problem(
            f"The run '{run.id}' knows no item '{chosen[:120]}'.", "it is named by its suite and row: suite:7"
        )
        return
    st.header("One item", anchor=False)
    total = ask(contamination.holding, run, suite=suite, item=row["item"]).value
    texts.line(f"{chosen}: {row['words']:,} words, found in {total:,} documents, dropped ones among them", strong=True)
    holders = ask(contamination.holders, run, suite=suite, item=row["item"], offset=0, limit=tables.PAGE).value
    if holders.is_empty():
        best = "" if row["best_document"] is None else f" The nearest document reaches {row['best_score']:.3f}."
        texts.line(f"No document holds it.{best}")
        return
    ids = holders["id"].to_list()
    alt = f"the first {len(ids):,} documents that hold the item"
    height = min(260, 40 + 36 * len(ids))
    document = choose(holders, ids, "doc", alt=alt, key=f"overlap-holders-{chosen}", columns=_HOLDERS, height=height)
    opened = document if document is not None and document in ids else str(ids[0])
    keys(ids, "doc", opened)
    _beside(run, suite, row["item"], opened)


def _beside(run: RunRef, suite: str, item: int, document: str) -> None:
    """The item and the document beside each other, with what stands in both marked."""
    labels.row(run.id, f"{suite}:{item}:{document}", ABOUT, _KEYS, title="Verdicts", key="overlap")
    places = ask(contamination.places, run, suite=suite, item=item, key=document).value
    root = workspace().root.resolve()
    near = tuple(str(folder) for folder in (Path.cwd(), root.parent, root))
    question, answer = ask(contamination.fields, run, root=str(root)).value
    # Not from the cache of answers: the file may come back, or change.
    found = contamination.text(source_of(run), suite=suite, item=item, near=near, question=question, answer=answer)
    text = overlap.text(source_of(run), key=document)
    page = ask(documents.find, run, key=document).value
    texts.line(f"document: {(page or {}).get('url') or document}")
    n = _length()
    left = _left(found, places)
    if text is None:
        cards.problem("The text of this document is not stored in this run.")
    else:
        begin, end = _window(places, len(text))
        part = text[begin:end]
        spans = [Span(max(0, row["start"] - begin), min(end, row["end"]) - begin, _told(row), "item") for row in places]
        heads = ("item", f"document, characters {begin:,} to {end:,} of {len(text):,}")
        if found.missing:
            texts.show(_two(heads, left, mark(part, spans)))
        else:
            item_text = f"{found.question}\n\n{found.answer}".strip()
            both = contamination.shared_ngrams(item_text, part, n)
            spans += [Span(*span, f"{n}-gram of the item", "shared") for span in both.right]
            mine = [Span(*span, f"{n}-gram of the document", "shared") for span in both.left]
            texts.show(_two(heads, mark(item_text, [*_item_spans(found, places), *mine]), mark(part, spans)))
            st.caption(
                f"{both.shared:,} of the item's {both.total:,} distinct {n:d}-grams of words stand in this passage "
                "(shaded; exact, of the texts shown). Double underline: what the run's own comparison matched."
            )
    if found.missing:
        why = f"The item's text cannot be shown: {found.missing}. Runs store where items match, not their texts."
        texts.line(why, soft=True)
    chrome.link("documents", "The document", run=run.id, id=document, view="Final")


def _length() -> int:
    held = str(st.session_state.get("n", st.query_params.get("n", "")))
    st.session_state["n"] = held if held in _LENGTHS else "8"
    chosen = st.segmented_control("Words of an n-gram", _LENGTHS, key="n", bind="query-params", required=True)
    return int(chosen if chosen in _LENGTHS else "8")


def _window(places: list[dict[str, Any]], length: int) -> tuple[int, int]:
    """The passage of the document around the places."""
    begin = max(0, min((row["start"] for row in places), default=0) - _AROUND)
    end = min(length, max((row["end"] for row in places), default=0) + _AROUND)
    return begin, min(end, begin + 20 * _AROUND)


def _told(row: dict[str, Any]) -> str:
    return f"{row['part']}: {row['length']} words match, score {row['score']:.3f}, found from {row['threshold']:.3f}"


def _left(found: contamination.ItemText, places: list[dict[str, Any]]) -> Html:
    """What is known of an item whose text is not at hand."""
    told = "; ".join(f"characters {row['item_start']} to {row['item_end']} of the {_told(row)}" for row in places)
    return Html(f'<span class="gap">{visible(told)}</span>') if found.missing else Html("")


def _item_spans(found: contamination.ItemText, places: list[dict[str, Any]]) -> list[Span]:
    """Where the item matched, in its question with its answer below."""
    below = len(found.question) + 2
    moved = {"question": 0, "answer": below}
    return [
        Span(row["item_start"] + moved[row["part"]], row["item_end"] + moved[row["part"]], _told(row), "item")
        for row in places
        if row["part"] in moved
    ]


def _two(heads: tuple[str, str], left: Html, right: Html) -> Html:
    titles = "".join(f"<th>{visible(head)}</th>" for head in heads)
    body = f"<tbody><tr><td>{left}</td><td>{right}</td></tr></tbody>"
    return Html(f'<table class="aligned"><thead><tr>{titles}</tr></thead>{body}</table>')
