"""Documents at the boundary: the nearest that would be newly kept or dropped, to be read and labelled one at a time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cards, chrome, texts
from dashboard.ask import ask, people
from dashboard.panels import labels, steps
from dashboard.queries import measured, rule_labels, rules, threshold
from dashboard.tables import table

if TYPE_CHECKING:
    import polars as pl

    from curate.rules import Profile, Rule
    from dashboard.panels.rules_held import Held
    from dashboard.workspace import RunRef
    from evalkit.statistics.intervals import Estimate
    from workbench.people import Label

_CHARACTERS = 6000
_LABELS = {"g": ("Good", "good"), "b": ("Bad", "bad")}


def panel(run: RunRef, profile: Profile, rule: Rule, new: Rule, held: Held) -> None:
    """The two lists, and the labels."""
    near = threshold.nearest(held.documents, held.values, profile, rule, new)
    st.subheader("At the boundary", anchor=False)
    if near.is_empty():
        st.caption("No document stands at this boundary.")
        return
    rows = _read(run, held, near)
    moves = bool(rows["moves"][0])
    titles = ("Newly kept", "Newly dropped") if moves else ("Dropped by this rule alone", "Kept")
    for gain, title, column in zip((True, False), titles, st.columns(2), strict=True):
        with column:
            _side(run, rows.filter(gain=gain), title, "gain" if gain else "loss")
    _labels(run, profile, rule, new, held, rows)


def _read(run: RunRef, held: Held, near: pl.DataFrame) -> pl.DataFrame:
    """The decisions about documents that `nearest` found, beside what it said of them."""
    places = tuple(near["place"].to_list())
    found = ask(measured.examples, run, starts=tuple(held.documents.starts), places=places).value
    return found.drop("place").hstack(near.select("gain", "moves", "row", "value", "distance"))


def _side(run: RunRef, rows: pl.DataFrame, title: str, key: str) -> None:
    st.subheader(texts.label(f"{title}, nearest first"), anchor=False)
    if rows.is_empty():
        st.caption("None.")
        return
    shown = rows.select("value", "host", "snippet")
    alt = f"{rows.height} documents, {title.lower()}, nearest to the threshold first"
    chosen = table(shown, alt=alt, key=f"rules-{key}", choose=True)
    if chosen is not None:
        row = rows.row(chosen, named=True)
        texts.line(row["url"] or row["id"])
        chrome.link("documents", "Open it in Documents", run=run.id, id=row["id"])


@st.fragment
def _labels(run: RunRef, profile: Profile, rule: Rule, new: Rule, held: Held, rows: pl.DataFrame) -> None:
    """One document at a time with the keys G and B, and what the labels say about the rule."""
    with cards.guarded():
        st.subheader("Labels", anchor=False)
        given = people().labels(run.id, rule_labels.about(rule.id))
        _quality(run, profile, rule, new, held, given)
        with st.expander("Label documents at the boundary", key="rules-label", on_change="rerun") as opened:
            if opened.open:
                _one(run, rule, _queue(run, profile, rule, held, rows), given)


def _queue(run: RunRef, profile: Profile, rule: Rule, held: Held, rows: pl.DataFrame) -> pl.DataFrame:
    """The documents to be labelled: those that would move, then the nearest to the run's own threshold."""
    if not rows["moves"][0]:
        return rows
    import polars as pl

    own = _read(run, held, threshold.nearest(held.documents, held.values, profile, rule, rule))
    return pl.concat([rows, own.filter(~pl.col("row").is_in(rows["row"].implode()))])


def _one(run: RunRef, rule: Rule, rows: pl.DataFrame, given: list[Label]) -> None:
    rater = chrome.rater()
    if not rater:
        st.caption("Give a name first: labels are kept by person.")
        return
    mine = {label.item: label.label for label in given if label.rater == rater}
    if st.session_state.get("rules-near") != (near := tuple(rows["id"])):  # another rule or threshold: from the first
        st.session_state["rules-near"], st.session_state["rules-at"] = near, 0
    at = min(max(0, int(st.session_state.get("rules-at", 0))), rows.height - 1)
    row = rows.row(at, named=True)
    said = mine.get(row["id"], "")
    labelled = sum(each in mine for each in rows["id"])
    st.caption(
        f"Document {at + 1:,} of {rows.height:,}; you have labelled {labelled:,} of them. "
        "Good: it should be kept, whatever the rule says. Bad: it should be dropped."
    )
    most, item = rows.height, row["id"]
    with st.container(horizontal=True):
        about = rule_labels.about(rule.id)
        labels.buttons(run.id, item, about, _LABELS, who=rater, key="rules", then=partial(_go, at + 1, most))
        steps.step(steps.PREVIOUS, at > 0, _go, at - 1, most, key="rules")
        steps.step(steps.NEXT, at + 1 < most, _go, at + 1, most, key="rules")
        chrome.link("documents", "Open it in Documents", run=run.id, id=item)
    labels.failed()
    value = "no value" if row["value"] is None else row["value"]
    texts.line(
        f"{row['url'] or item} · {rule.measure} {value}" + (f" · your label: {said}" if said else ""), strong=True
    )
    text = ask(measured.text, run, id=item, kept=row["state"] == "kept", most=_CHARACTERS).value
    if text is None:
        texts.line(f"The run did not store its text; it begins: {row['snippet'] or ''}")
    else:
        texts.document(text, label="the text of the document")
        if len(text) == _CHARACTERS:
            st.caption(f"The first {_CHARACTERS:,} characters.")


def _go(at: int, most: int) -> None:
    st.session_state["rules-at"] = min(max(0, at), most - 1)


def _quality(run: RunRef, profile: Profile, rule: Rule, new: Rule, held: Held, given: list[Label]) -> None:
    found = rule_labels.opinion(given)
    if not found.labels:
        st.caption("Nobody has labelled documents for this rule yet. Labels give its precision and recall.")
        return
    unknown = tuple(sorted(set(found.labels) - held.rows.keys()))
    if unknown:
        rows = ask(measured.rows_of, run, ids=unknown).value
        held.rows.update(dict.fromkeys(unknown, -1) | dict(rows.rows()))
    places = {item: held.rows[item] for item in found.labels if held.rows[item] >= 0}
    lines = []
    for title, each in (("now", rule), *([] if new == rule else [("proposed", new)])):
        fails = threshold.failed(held.values, profile, each).gather(list(places.values())).to_list()
        quality = rule_labels.quality(found.labels, dict(zip(places, fails, strict=True)))
        lines.append((title, rules.as_text(each), _told(quality.precision), _told(quality.recall)))
    import polars as pl

    table(
        pl.DataFrame(lines, schema=["when", "threshold", "precision", "recall"], orient="row"),
        alt="; ".join(f"{title}: precision {precision}, recall {recall}" for title, _, precision, recall in lines),
        key="rules-quality",
    )
    bad = sum(found.labels[item] == rule_labels.BAD for item in places)
    st.caption(
        f"{len(places)} labelled documents, {bad:,} of them bad, {found.split:,} left out because raters are split; "
        "Wilson's 95 % intervals. Precision: of those that the rule drops, the share that is bad. Recall: of the bad "
        "ones, the share that it drops. They lie near the threshold: the numbers are about such documents, not the run."
    )


def _told(share: Estimate | None) -> str:
    if share is None:
        return "no such document"
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%}, n = {share.n})"
