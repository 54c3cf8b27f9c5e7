"""What needs a person: failed checks of a run, alarms of reports, reports that nobody made."""

from __future__ import annotations

import shlex

import streamlit as st

from dashboard import cards, chrome, texts
from dashboard.queries import reports
from dashboard.settings import current
from dashboard.workspace import RunRef
from evalkit.report import windows
from workbench.render import count, duration

_SHOWN = 5


def gates(run: RunRef) -> None:
    """The checks of the run that failed; nothing where all held."""
    for gate in run.gates:
        cards.problem(f"A check of '{run.id}' failed: {gate}", "it is not exported while a check fails", serious=True)


def alarms(found: list[reports.Seen]) -> None:
    """For each plan: its last verdict, alarms that nobody has acknowledged, and whether it is overdue."""
    if not found:
        return
    for plan in found[:_SHOWN]:
        if plan.problem:
            cards.problem(f"{plan.name}: {plan.problem}", plan.hint)
        for alarm in plan.loud[:_SHOWN]:
            said = f"{plan.name} · {alarm.about}: {alarm.message}"
            cards.problem(said, f"alarm of {when(alarm.window)}", serious=alarm.level == "error")
        late = overdue(plan)
        if late:
            cards.problem(f"{plan.name}: {late}", tick(plan), serious=True)
        last = plan.last
        texts.line(f"{plan.name} · " + (f"{when(last.window)}: {last.verdict}" if last else "no report yet"))
    with st.container(horizontal=True):
        chrome.link("lineage", "All reports", tab="Reports")
        chrome.link("lineage", "Schedules and alarms", tab="Schedules")
    if len(found) > _SHOWN:
        st.caption(f"{count(_SHOWN)} of {count(len(found))} plans.")


def overdue(plan: reports.Seen) -> str:
    """How late a plan's report is, in words; "" where none is due."""
    if plan.standing is None or not plan.standing.late_h:
        return ""
    if plan.standing.running:
        return "its report is being made"
    late = duration(3600 * plan.standing.late_h)
    last = plan.standing.last
    since = f"the last one is of {when(last.window)}" if last else "there is none"
    return f"its report is overdue: one has been due for {late}, and {since}"


def tick(plan: reports.Seen) -> str:
    """The command that makes what is due."""
    file = shlex.quote(str(plan.file)) if plan.file is not None else "PLAN.yaml"
    return f"evalkit report tick {file} --root {shlex.quote(str(current().root))}"


def when(window: str) -> str:
    """A window's name as people read it, in UTC."""
    try:
        return f"{windows.moment(window):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return window
