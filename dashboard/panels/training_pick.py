"""Which runs the training page shows: up to eight, named in the URL."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import cards
from dashboard.settings import current
from dashboard.workspace import RunRef
from workbench.visible import one_line

KINDS = tuple(
    f"train.{stage}" for stage in ("pretrain", "anneal", "extend", "sft", "reward", "dpo", "pg", "ppo", "tokenizer")
)
MOST = 8
KEY = "runs"


def runs(options: Sequence[RunRef]) -> list[RunRef]:
    """The runs that are chosen, in the order in which they were; the running one or the newest where none is.

    The URL names them as `runs=a&runs=b`, or shorter as `runs=a,b`; `run=a`, as other pages link, is as good.
    """
    known = {run.id: run for run in options}
    if KEY not in st.session_state and st.query_params.get_all(KEY) != (asked := _asked(known)):
        st.session_state[KEY] = asked
    chosen = st.multiselect(
        "Runs",
        list(known),
        key=KEY,
        bind="query-params",
        max_selections=MOST,
        format_func=one_line,
        placeholder="choose up to eight",
        width="stretch",
    )
    return [known[name] for name in chosen if name in known] or [known[name] for name in _first(known)]


def _asked(known: dict[str, RunRef]) -> list[str]:
    named = [part for each in st.query_params.get_all(KEY) for part in ([each] if each in known else each.split(","))]
    named += st.query_params.get_all("run") if not named else []
    unknown = [name for name in named if name and name not in known]
    if unknown:
        told = ", ".join(f"'{name[:80]}'" for name in unknown[:MOST])
        cards.problem(f"There is no such training: {told}", "it is gone, of another workspace, or of another kind")
    return [name for name in dict.fromkeys(named) if name in known][:MOST] or _first(known)


def _first(known: dict[str, RunRef]) -> list[str]:
    """Those that are going on, else the run of the command line, else the newest that is finished."""
    going = [name for name, run in known.items() if run.state == "running"]
    if going:
        return going[:MOST]
    if current().run in known:
        return [str(current().run)]
    return [next((name for name, run in known.items() if run.readable), next(iter(known)))]
