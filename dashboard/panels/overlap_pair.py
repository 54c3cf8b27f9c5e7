"""A kept document and one that was removed for it, side by side, and why it was that one that stayed."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import cards, chrome, texts
from dashboard.aligned import MOST_CHARACTERS, aligned
from dashboard.ask import ask, source_of, workspace
from dashboard.panels import labels
from dashboard.queries import documents, overlap
from dashboard.workspace import RunRef

ABOUT = "duplicate"
WRONG = "not a duplicate"
_KEYS = {"y": ("Duplicate", "duplicate"), "n": ("Not a duplicate", WRONG), "u": ("No verdict", "")}


def show(run: RunRef, dropped: str) -> None:
    """The pair of a removed document and the one that was kept for it."""
    pair = ask(overlap.pair, run, dropped=dropped).value
    if pair is None:
        cards.problem(f"The run '{run.id}' removed no duplicate '{dropped[:80]}'.")
        return
    labels.row(run.id, dropped, ABOUT, _KEYS, title="Verdicts", key="overlap")
    with cards.guarded():
        _facts(run, pair)
    with cards.guarded():
        _texts(run, pair)
    with st.container(horizontal=True):
        for title, key in (("The kept document", pair["kept_id"]), ("The removed document", dropped)):
            chrome.link("documents", title, run=run.id, id=key, view="Final")


def _facts(run: RunRef, pair: dict[str, Any]) -> None:
    criterion, rows = ask(
        overlap.decided_by, run, kept=pair["kept_id"], dropped=pair["dropped_id"], root=str(workspace().root)
    ).value
    order = ask(overlap.settings, run, root=str(workspace().root)).value.survivor
    near = "" if pair["jaccard"] is None else f", similarity (Jaccard) {pair['jaccard']:.4g}"
    inside = "" if pair["containment"] is None else f", containment {pair['containment']:.4g}"
    texts.line(f"Found by {pair['method']}{near}{inside}.")
    why = f"The order of survivors is {' > '.join(order)}. "
    if rows.height < 2:
        why += "The kept document is not of this run: it is of the index that the run was compared with."
    elif criterion is None:
        why += "The two are equal in all of it; the smaller id stayed."
    else:
        why += f"The kept one comes first by '{criterion}'."
    texts.line(why)
    if rows.height == 2:
        kept, dropped = rows.rows(named=True)
        names = [name for name in rows.columns if name != "id"]
        told = [f"{name}: {kept[name]} kept, {dropped[name]} removed" for name in names]
        texts.line(" · ".join(told), soft=True)


def _texts(run: RunRef, pair: dict[str, Any]) -> None:
    kept, dropped = (overlap.text(source_of(run), key=pair[name]) for name in ("kept_id", "dropped_id"))
    addresses = [ask(documents.find, run, key=pair[name]).value for name in ("kept_id", "dropped_id")]
    for title, page in zip(("kept", "removed"), addresses, strict=True):
        texts.line(f"{title}: {(page or {}).get('url') or 'no address is known'}")
    if kept is None or dropped is None:
        lacking = "kept" if kept is None else "removed"
        cards.problem(f"The text of the {lacking} document is not stored in this run, so that nothing can be shown.")
        return
    with st.spinner("Comparing the two texts …"):
        found = ask(
            overlap.compared, run, kept=pair["kept_id"], dropped=pair["dropped_id"], root=str(workspace().root)
        ).value
    assert found is not None
    both = aligned(kept, dropped, ("kept", "removed"), (found.kept, found.dropped))
    whole = (
        "" if both.whole else f"; the first {MOST_CHARACTERS:,} characters of each and 150 places at most are compared"
    )
    texts.line(
        f"{found.shared:,} distinct shingles in both (shaded), of {found.kept_size:,} and {found.dropped_size:,}; "
        f"{both.places:,} places differ{whole}. − only in the kept text, + only in the removed one; white space aside.",
        soft=True,
    )
    texts.show(both.markup)
