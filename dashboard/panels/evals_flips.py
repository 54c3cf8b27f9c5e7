"""The items that tell two runs apart, a page at a time, and the one that was chosen whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cards, choices, texts
from dashboard.ask import ask
from dashboard.panels import evals_item
from dashboard.queries import evals_pairs
from dashboard.tables import PAGE, pages, shown, table
from dashboard.workspace import RunRef, Workspace
from evalkit.tasks.metrics import metric_of

if TYPE_CHECKING:
    import polars as pl

NAMES = {
    "gained": "A wrong, B right",
    "lost": "A right, B wrong",
    "wrong": "both wrong",
    "failed": "no score",
    "right": "both right",
}
_OTHER = {"gained": "B better", "lost": "A better", "same": "equal", "failed": "no score"}
_FEW = 20_000
"""Items of a task up to which the list tells what was asked: texts of more take too long to read."""


def show(here: Workspace, a: RunRef, b: RunRef, task: tuple[str, str], metric: str) -> None:
    """How many items flipped, which, and one of them whole."""
    counts = ask(evals_pairs.flips, a, other=b, task=task, metric=metric)
    names = NAMES if metric_of(metric).share else _OTHER
    st.header("Items that flipped", anchor=False)
    if metric_of(metric).share:
        _square(counts.value)
    _list(here, a, b, task, metric, {name: counts.value[name] for name in names}, names)


def _square(counts: dict[str, int]) -> None:
    """The table of McNemar's test."""
    import polars as pl

    rows = {
        "": ["A right", "A wrong"],
        "B right": [counts["right"], counts["gained"]],
        "B wrong": [counts["lost"], counts["wrong"]],
    }
    said = ", ".join(f"{NAMES[name]} {counts[name]:,}" for name in NAMES)
    table(pl.DataFrame(rows), alt=f"Items by who was right: {said}", key="evals-square")
    texts.line(f"Counts are exact. Items that one of the runs could not score: {counts['failed']:,}.", soft=True)


@st.fragment
def _list(
    here: Workspace,
    a: RunRef,
    b: RunRef,
    task: tuple[str, str],
    metric: str,
    counts: dict[str, int],
    names: dict[str, str],
) -> None:
    with cards.guarded():
        flip = _flip(counts, names)
        total = counts[flip]
        offset = pages(total, "epage")
        values = {"task": task, "metric": metric}
        found = ask(evals_pairs.flipped, a, other=b, **values, flip=flip, offset=offset, rows=PAGE).value
        item = _chosen(found, flip, offset, asked=sum(counts.values()) <= _FEW, run=a, task=task)
        shown(offset, found.height, total, "items", of=f"({names[flip]}), the largest differences first")
        if item is None:
            texts.line("Choose a row to see the item whole; J and K go on and back.", soft=True)
            return
        evals_item.show(here, a, b, task, metric, item)


def _flip(counts: dict[str, int], names: dict[str, str]) -> str:
    options = list(names)
    choices.follow("flip", options, next((name for name in options if counts[name]), options[0]), "kind of item")
    chosen = st.segmented_control(
        "Which items",
        options,
        key="flip",
        required=True,
        format_func=lambda name: f"{names.get(name, name)} ({counts.get(name, 0):,})",
    )
    found = chosen if chosen in options else options[0]
    choices.keep("flip", found)
    return found


def _chosen(
    found: pl.DataFrame, flip: str, offset: int, *, asked: bool, run: RunRef, task: tuple[str, str]
) -> str | None:
    """The list, and the item that is chosen in it or named by the URL."""
    import polars as pl

    ids = found["item"].to_list()
    wanted = st.query_params.get("item")
    place = pl.col("file").fill_null("") + ":" + pl.col("line").cast(pl.String).fill_null("")
    took = {"A took": "said_a", "B took": "said_b"}
    frame = found.select(A="a", B="b", **took, group="group", place=place, item="item")
    if asked and ids:
        ends = ask(evals_pairs.questions, run, task=task, items=tuple(ids)).value
        frame = frame.join(ends, on="item", how="left", maintain_order="left").select(
            "asked", *(name for name in frame.columns)
        )
    turn = st.session_state.setdefault("evals-turn", 0)
    row = table(
        frame,
        alt=f"{frame.height} items: what each run took, and its score",
        columns={"asked": st.column_config.TextColumn("asked", width="large")},
        key=f"evals-flips-{flip}-{offset}-{turn}",
        choose=True,
        chosen=ids.index(wanted) if wanted in ids else None,
    )
    if row is not None and ids[row] != wanted:
        wanted = st.query_params["item"] = ids[row]
    at = ids.index(wanted) if wanted in ids else -1
    with st.container(horizontal=True):
        for title, shortcut, to in (("Previous", "k", at - 1), ("Next", "j", at + 1)):
            there = 0 <= to < len(ids)
            press = (ids[to],) if there else ("",)
            st.button(title, key=f"evals-{title}", shortcut=shortcut, on_click=_go, args=press, disabled=not there)
    return wanted


def _go(item: str) -> None:
    st.query_params["item"] = item
    st.session_state["evals-turn"] = st.session_state.get("evals-turn", 0) + 1
