"""What every page has: who looks, which run, compared with which, and a card where there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import overload
from urllib.parse import urlencode

import streamlit as st

from dashboard import cards, choices, texts
from dashboard.ask import workspace
from dashboard.settings import current
from dashboard.workspace import RunRef, Workspace
from workbench.visible import one_line


@dataclass(frozen=True, slots=True)
class Here:
    """What a page looks at. other: the run that it is compared with, or None."""

    workspace: Workspace
    run: RunRef
    other: RunRef | None = None


def begin(*kinds: str, what: str, command: str, compare: bool = False) -> Here:
    """The pickers at the top of a page. Stops the page with a card where no run of `kinds` can be shown.

    what, command: of the card where there is none ("no curated run", and how to make one). The choice stands in the
    URL as `run` and `vs`; what a URL names is looked up among the runs of the workspace.
    """
    here = workspace()
    options = here.of(*kinds)
    if not options:
        cards.empty(f"There is no {what} in the workspace yet.", command)
        st.stop()
    run, other = pickers(options, compare=compare)
    if cards.of_run(run):
        st.stop()
    if other is not None and cards.of_run(other):
        other = None
    return Here(here, run, other)


def pickers(options: list[RunRef], *, compare: bool = False) -> tuple[RunRef, RunRef | None]:
    """The row of pickers alone, for a page that goes on whatever state the run is in; `options` holds at least one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run = pick(options, "Run", "run")
        others = [each for each in options if each.id != run.id]
        other = pick(others, "Compared with", "vs", needed=False) if compare and others else None
        copy_link(run=run.id, vs=None if other is None else other.id)
    return run, other


@overload
def pick(options: list[RunRef], title: str, key: str) -> RunRef: ...
@overload
def pick(options: list[RunRef], title: str, key: str, *, needed: bool) -> RunRef | None: ...
def pick(options: list[RunRef], title: str, key: str, *, needed: bool = True) -> RunRef | None:
    """A selectbox of runs whose choice stands in the URL under `key`; None where none is chosen and none is `needed`.

    The first choice is the run of the command line, else the newest that is finished; a choice stays from page to page.
    """
    ids = {run.id: run for run in options}
    first = current().run if current().run in ids else next((run.id for run in options if run.readable), options[0].id)
    choices.follow(key, list(ids), first if needed else None, "run")
    # Not bound to the URL: Streamlit would write what is shown of a run there, not its id.
    chosen = st.selectbox(
        title,
        list(ids),
        index=None,
        key=key,
        persist_state="session",
        format_func=lambda name: _told(ids[name]) if name in ids else one_line(str(name)),
        placeholder="none",
        required=needed,
        width=340,
    )
    found = ids.get(chosen or "", ids[str(first)] if needed else None)
    choices.keep(key, None if found is None else found.id)
    return found


def parts(shows: Mapping[str, Callable[[], None]], key: str, *, first: str | None = None) -> None:
    """Tabs, by their titles, and the one that is open; of the others nothing is asked and nothing sent.

    key: what stands in the URL. first: the title that is open where the URL names none.
    """
    tabs = st.tabs(list(shows), key=key, bind="query-params", default=first)
    for tab, show in zip(tabs, shows.values(), strict=True):
        if tab.open:
            with tab, cards.guarded():
                show()


def copy_link(**values: str | None) -> None:
    """A button that shows the address of exactly this view: `values` and whatever filters the URL holds."""
    with st.popover("Link", icon=":material/link:", on_change="rerun") as opened:
        if opened.open:
            given = st.query_params.to_dict() | {name: value for name, value in values.items() if value is not None}
            st.code(f"{str(st.context.url).split('?')[0]}?{urlencode(given)}", language=None, wrap_lines=True)


def _told(run: RunRef) -> str:
    state = "" if run.readable else f" ({run.state})"
    return f"{one_line(run.id)} · {run.kind or 'unknown'}{state}"


def rater() -> str:
    """Who votes and labels: the login, else the name that the visitor gave ("" until there is one)."""
    if current().login:
        return str(st.user.get("email") or st.user.get("sub") or "")
    name = st.text_input(
        "Your name, for votes and labels", key="rater", max_chars=60, persist_state="session", width=260
    )
    return one_line(str(name or "")).strip()[:60]


def link(page: str, title: str, **values: str | int | float | None) -> None:
    """A link to another page (`documents`) with these parameters in its URL."""
    given = {name: str(value) for name, value in values.items() if value is not None}
    st.page_link(f"app_pages/{page}.py", label=texts.label(title), query_params=given)
