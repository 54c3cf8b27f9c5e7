"""Plans: when each is due, what is overdue, and alarms that somebody acknowledges; the one thing this page writes."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta

import polars as pl
import streamlit as st

from dashboard import cards, chrome, texts
from dashboard.panels.overview_state import overdue, tick, when
from dashboard.queries import reports
from dashboard.queries.reports import Alarm, Seen
from dashboard.settings import current
from dashboard.tables import PAGE, table
from evalkit.report import acknowledged, windows
from workbench.visible import one_line

_DAYS = 90


def show() -> None:
    """All plans in a table, what each overdue one needs, and the form for alarms."""
    plans = reports.seen(current().root)
    if not plans:
        root = shlex.quote(str(current().root))
        cards.empty(
            f"There is no plan in this workspace yet: a YAML file in its folder '{reports.PLANS}'.",
            f"evalkit report tick {root}/{reports.PLANS}/PLAN.yaml --root {root}",
        )
        return
    table(
        pl.DataFrame([_row(plan) for plan in plans[:PAGE]], infer_schema_length=None),
        alt=f"{len(plans)} plans, {sum(bool(overdue(plan)) for plan in plans)} of them overdue",
        key="s-plans",
    )
    if len(plans) > PAGE:
        st.caption(f"The first {PAGE:,} of {len(plans):,} plans.")
    for plan in plans[:PAGE]:
        if plan.problem:
            cards.problem(f"{plan.name}: {plan.problem}", plan.hint)
        if late := overdue(plan):
            cards.problem(f"{plan.name}: {late}", tick(plan), serious=True)
            if plan.file is not None:
                st.caption("What calls it every ten minutes from now on:")
                st.code(f"evalkit schedule print {shlex.quote(str(plan.file))} --for cron", language=None)
    _alarms(plans)


def _row(plan: Seen) -> dict[str, str | int | None]:
    stands = plan.standing
    last = plan.last
    if stands is None:
        state = "unknown"
    elif stands.running:
        state = "being made"
    else:
        state = "⚠ overdue" if stands.late_h else "✓ in time"
    return {
        "plan": plan.name,
        "state": state,
        "last report": when(last.window) if last else "never",
        "verdict": last.verdict if last else "",
        "next due": "" if stands is None else when(windows.name(stands.next)),
        "open alarms": len(plan.loud),
        "file": "" if plan.file is None else str(plan.file),
    }


def _alarms(plans: list[Seen]) -> None:
    st.header("Alarms", anchor=False)
    rows = [(plan, alarm) for plan in plans for alarm in plan.alarms]
    if not rows:
        st.caption("No report has raised an alarm.")
        return
    frame = pl.DataFrame([_alarm(plan, alarm) for plan, alarm in rows[:PAGE]])
    table(frame, alt=f"{len(rows)} alarms, {sum(alarm.loud for _, alarm in rows)} of them open", key="s-alarms")
    if len(rows) > PAGE:
        st.caption(f"The newest {PAGE:,} of {len(rows):,} alarms.")
    _acknowledge(rows)


def _alarm(plan: Seen, alarm: Alarm) -> dict[str, str]:
    state = "⚠ open" if alarm.loud else "acknowledged" if alarm.until and alarm.current else "of an earlier report"
    return {
        "plan": plan.name,
        "window": when(alarm.window),
        "level": alarm.level,
        "about": alarm.about,
        "message": alarm.message,
        "state": state,
        "quiet until": when(alarm.until) if alarm.until else "",
    }


def _acknowledge(rows: list[tuple[Seen, Alarm]]) -> None:
    """Keeps a known alarm quiet, under the visitor's name, for days that are named."""
    choices = list(dict.fromkeys((plan.name, alarm.about) for plan, alarm in rows))
    with st.container(border=True):
        texts.line("Keep a known alarm quiet; it is loud again after the days that you name.", strong=True)
        who = chrome.rater()
        names = [f"{number + 1}. {one_line(plan)} · {one_line(about)}" for number, (plan, about) in enumerate(choices)]
        chosen = st.selectbox("Alarm", names, key="s_alarm", width=520)
        days = st.number_input("Days", 1, _DAYS, 7, key="s_days", width=160)
        if st.button(
            "Acknowledge", disabled=not who, help=None if who else "give your name first", key="s-acknowledge"
        ):
            place = names.index(chosen) if chosen in names else None
            if place is not None and who and 1 <= days <= _DAYS:
                _write(*choices[place], int(days), who)


def _write(name: str, about: str, days: int, who: str) -> None:
    """Looked up again: the alarm may have gone while the page stood open."""
    known = next((plan for plan in reports.seen(current().root) if plan.name == name), None)
    if known is None or all(alarm.about != about for alarm in known.alarms):
        cards.problem("This alarm is not there any more.", "look again")
        return
    try:
        acknowledged.acknowledge(known.home, about, datetime.now(UTC) + timedelta(days=days), who)
    except OSError as error:
        cards.problem(f"It cannot be written: {error.strerror}", f"may {known.home} be written?", serious=True)
        return
    st.rerun()
