"""The rules of a run, what each dropped, and the choice of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cards
from dashboard.ask import ask
from dashboard.queries import rules
from dashboard.tables import table
from workbench.errors import UserError
from workbench.visible import one_line

if TYPE_CHECKING:
    import polars as pl

    from curate.rules import Profile, Rule
    from dashboard.chrome import Here
    from dashboard.workspace import RunRef


def choose(here: Here, profile: Profile, counted: str) -> Rule:
    """The table of the rules, and the one that is chosen in it or in the URL (`rule`); else the one that drops most."""
    import polars as pl

    sets = ask(rules.fails, here.run)
    listed = rules.listed(profile, sets.value)
    frame = _beside(listed, here.other)
    fired = listed.filter(pl.col("any") > 0)
    most = fired.sort("any", descending=True)["rule"][0] if fired.height else listed["rule"][0]
    st.caption(_told(profile, listed))
    row = table(
        frame,
        alt=_alt(fired, most),
        columns=_columns(counted, here.other),
        key="rules-list",
        choose=True,
        height=min(420, 38 + 35 * frame.height),
    )
    if row is not None and row != st.session_state.get("rules-row"):
        st.session_state["rule"] = listed["rule"][row]
        forget()
    st.session_state["rules-row"] = row
    return profile.rule(_pick(listed["rule"].to_list(), most))


def forget() -> None:
    """Another rule was chosen: the threshold in the URL was about the one before."""
    st.query_params.pop("thr", None)


def _pick(names: list[str], most: str) -> str:
    asked = st.query_params.get("rule") if "rule" not in st.session_state else None
    if asked is not None and asked not in names:
        cards.problem(f"The run has no rule '{asked}'.", "choose one of the list; another run may have it")
    if st.session_state.get("rule") not in names:
        st.session_state["rule"] = asked if asked in names else most
    chosen = st.selectbox(
        "Rule", names, key="rule", bind="query-params", on_change=forget, format_func=one_line, required=True, width=340
    )
    return chosen if chosen in names else most


def _beside(listed: pl.DataFrame, other: RunRef | None) -> pl.DataFrame:
    """The list with what the same rules do in the run that is compared, where there is one."""
    import polars as pl

    if other is None:
        return listed
    try:
        theirs = rules.listed(ask(rules.told, other).value.profile, ask(rules.fails, other).value)
    except UserError as error:
        cards.failed(error)
        return listed
    there = theirs.select("rule", there="drops", any_there="any")
    return listed.join(there, on="rule", how="left", maintain_order="left").select(
        "rule", "drops", "there", "any", "any_there", pl.exclude("rule", "drops", "there", "any", "any_there")
    )


def _columns(counted: str, other: RunRef | None) -> dict[str, object]:
    titles = {
        "rule": "rule",
        "measure": "measure",
        "drops": "drops if",
        "first": "dropped first",
        "first_tokens": f"{one_line(counted)} dropped first",
        "any": "fail it",
        "any_tokens": f"{one_line(counted)} that fail it",
        "alone": "fail only it",
        "languages": "languages",
        "why": "why",
    }
    if other is not None:
        name = one_line(other.id)
        titles |= {"there": f"drops if, in {name}", "any_there": f"fail it, in {name}"}
    return {
        key: st.column_config.NumberColumn(title, format="localized")
        if key.startswith(("any", "first", "alone"))
        else title
        for key, title in titles.items()
    }


def _told(profile: Profile, listed: pl.DataFrame) -> str:
    import polars as pl

    off = sum(not rule.active for rule in profile.declared)
    never = listed.filter(pl.col("any") == 0).height - off
    parts = [f"{listed.height} rules, in the order in which documents meet them; every number is exact."]
    parts += [f"{never} never failed a document."] if never > 0 else []
    parts += [f"{off} {'is' if off == 1 else 'are'} off."] if off else []
    return " ".join(parts)


def _alt(fired: pl.DataFrame, most: str) -> str:
    if fired.is_empty():
        return "The rules of the run; none of them failed a document"
    documents = int(fired["any"].sort()[-1])
    return f"The rules of the run; {fired.height} failed documents, {most} the most: {documents:,}"
