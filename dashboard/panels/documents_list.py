"""The list of the documents page: filters in the URL, fifty decisions at a time, full-text search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from curate.ask.explain import short_value
from dashboard import cards, tables
from dashboard.ask import Answer, ask
from dashboard.frames import told
from dashboard.queries import documents
from dashboard.queries import search as found_by
from dashboard.workspace import RunRef
from workbench.errors import UserError
from workbench.visible import one_line

if TYPE_CHECKING:
    import polars as pl

_MOST_LETTERS = 300
_COLUMNS = {
    "state": st.column_config.TextColumn("State", width=70),
    "rule": st.column_config.TextColumn("Rule", width=150),
    "measured": st.column_config.TextColumn("Value", width=90),
    "threshold": st.column_config.TextColumn("Drops if", width=80),
    "score": st.column_config.NumberColumn("BM25", format="%.1f", width=60),
    "tokens": st.column_config.NumberColumn("Tokens", format="localized", width=70),
    "lang": st.column_config.TextColumn("Language", width=60),
    "host": st.column_config.TextColumn("Host", width=150),
    "snippet": st.column_config.TextColumn("Text", width="large"),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """What the filters leave of a run. `query` is looked for in the index; `rows` are those of the page shown."""

    run: RunRef
    filters: dict[str, Any]
    query: str
    total: int
    offset: int
    rows: pl.DataFrame

    def at(self, rank: int) -> str | None:
        """The id of the document at a place of the whole list."""
        if self.offset <= rank < self.offset + self.rows.height:
            return str(self.rows["id"][rank - self.offset])
        if not 0 <= rank < self.total:
            return None
        found = self._more(rank).value
        return None if found.is_empty() else str(found["id"][0])

    def _more(self, rank: int) -> Answer[pl.DataFrame]:
        if self.query:
            values = {name: self.filters[name] for name in found_by.FILTERS}
            stamp = found_by.stamp(self.run)
            return ask(found_by.rows, self.run, stamp=stamp, query=self.query, offset=rank, limit=1, **values)
        return ask(documents.rows, self.run, offset=rank, limit=1, **self.filters)


def listing(run: RunRef) -> Listing | None:
    """The controls, and what they leave; None where a table of the run is missing (its card stands there)."""
    try:
        filters, query = _filters(run)
        slot = st.container()
        if query:
            with slot:
                indexed = _searched(run, filters, query)
            if indexed is not None:
                return indexed
        count = ask(documents.count, run, **filters).value
        offset = tables.pages(count.documents, "page")
        rows = ask(documents.rows, run, offset=offset, limit=tables.PAGE, **filters)
    except UserError as error:
        cards.failed(error)
        return None
    with slot:
        of = f"with {count.tokens:,} tokens (exact)"
        tables.shown(offset, rows.value.height, count.documents, "documents", of=of)
    return Listing(run, filters, "", count.documents, offset, rows.value)


def _filters(run: RunRef) -> tuple[dict[str, Any], str]:
    options = ask(documents.choices, run).value
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state = _choose("State", "state", list(documents.STATES), width=130)
        step = _choose("Step", "step", options.steps, width=150)
        rule = _choose("Rule", "rule", options.rules, width=220)
        lang = _choose("Language", "lang", options.langs, width=120)
        host = _choose("Host", "host", options.hosts, width=260, any_name=True)
        query = st.text_input(
            "Search the texts",
            key="q",
            bind="query-params",
            max_chars=_MOST_LETTERS,
            placeholder='words, "a phrase", -without',
            width=260,
        )
    filters = {"state": state, "step": step, "rule": rule, "lang": lang, "host": host}
    return filters, str(query or "").strip()[:_MOST_LETTERS]


def _choose(title: str, key: str, options: list[str], *, width: int, any_name: bool = False) -> str | None:
    """A filter whose value stands in the URL; what is no choice of this run is dropped, and it is said."""
    held = st.session_state[key] if key in st.session_state else st.query_params.get(key)

    def valid(value: Any) -> bool:
        return isinstance(value, str) and (value in options or (any_name and 0 < len(value) <= _MOST_LETTERS))

    if held is not None and not valid(held):
        told = one_line(str(held))[:80]
        cards.problem(f"No document of this run has {title.lower()} '{told}'; the filter is off.")
        st.session_state[key] = None
    elif key not in st.session_state:
        st.session_state[key] = held
    chosen = st.selectbox(
        title,
        options,
        index=None,
        key=key,
        bind="query-params",
        format_func=lambda name: one_line(str(name)),
        placeholder="any",
        accept_new_options=any_name,
        width=width,
    )
    return chosen if valid(chosen) else None


def _searched(run: RunRef, filters: dict[str, Any], query: str) -> Listing | None:
    """The hits of a search; None, and a card, where the run has no index of its texts."""
    stamp = found_by.stamp(run)
    try:
        about = ask(found_by.about, run, stamp=stamp).value
    except UserError as error:
        cards.empty(f"{error}", f"curate index-text {run.path}")
        return None
    if filters["step"] is not None:
        st.caption("The index does not know steps: that filter is off while you search. A rule can be chosen.")
    values = {name: filters[name] for name in found_by.FILTERS}
    total = ask(found_by.total, run, stamp=stamp, query=query, **values).value
    offset = tables.pages(total, "page")
    rows = ask(found_by.rows, run, stamp=stamp, query=query, offset=offset, limit=tables.PAGE, **values).value
    sample = about.sample is not None and about.indexed < about.texts
    of = f"a sample of {about.indexed:,} of {about.texts:,} texts, seed {about.seed}"
    tables.shown(
        offset,
        rows.height,
        total,
        "documents with these words, the best first,",
        of="in " + (of if sample else f"all {about.texts:,} stored texts (exact)"),
    )
    return Listing(run, filters, query, total, offset, rows)


def show(found: Listing, chosen: str | None) -> str | None:
    """The table of a listing; the id of the row that was just clicked, else `chosen`."""
    import polars as pl

    if found.rows.is_empty():
        return chosen
    ids = found.rows["id"].to_list()
    here = _index(found, ids, chosen)
    frame = found.rows
    if not found.query:  # the index knows no values
        frame = frame.with_columns(
            measured=told(frame["value"], short_value),
            snippet=pl.coalesce("snippet", "error", "url"),
        )
    frame = frame.with_columns(pl.col(pl.String).fill_null(""))
    names = [name for name in _COLUMNS if name in frame.columns]
    number = st.session_state.get("documents-moves", 0)
    key = f"documents-{found.run.id}-{found.offset}-{hash((found.query, *found.filters.values()))}-{number}"
    clicked = tables.table(
        frame.select(names),
        alt=f"{found.rows.height} of {found.total:,} documents with state, rule, value, threshold and tokens",
        columns={name: _COLUMNS[name] for name in names},
        key=key,
        choose=True,
        chosen=here,
        height=300,
    )
    if clicked is None or clicked == here:
        return chosen
    st.session_state["documents-at"] = found.offset + clicked
    return str(ids[clicked])


def _index(found: Listing, ids: list[str], chosen: str | None) -> int | None:
    """Which row is the chosen document; of several rows with its id the one that was gone to last."""
    held = st.session_state.get("documents-at", -1) - found.offset
    if 0 <= held < len(ids) and ids[held] == chosen:
        return int(held)
    return ids.index(chosen) if chosen in ids else None


def rank(found: Listing, decision: dict[str, Any]) -> int | None:
    """The place of the open document in the list, from 0; None where the filters leave it out or nobody knows."""
    ids = found.rows["id"].to_list()
    here = _index(found, ids, decision["id"])
    if here is not None:
        return found.offset + here
    if found.query:
        return None
    place = {name: decision[name] for name in ("file_index", "file_row_number")}
    return ask(documents.rank, found.run, **place, **found.filters).value
