"""Reports of all plans: verdicts, one of them read, and how to make one now."""

from __future__ import annotations

import shlex
from urllib.parse import urlencode

import polars as pl
import streamlit as st

from dashboard import cards, cardtext, texts
from dashboard.panels.overview_state import when
from dashboard.queries import cards as files
from dashboard.queries import reports
from dashboard.queries.reports import Report, Seen
from dashboard.routes import REPORT
from dashboard.settings import current
from dashboard.tables import PAGE, pages, shown, table
from workbench.errors import UserError


def show() -> None:
    """The list, and below it the report that is chosen in it or named in the URL."""
    plans = reports.seen(current().root)
    every = sorted((report for plan in plans for report in plan.reports), key=lambda one: one.window, reverse=True)
    if not every:
        cards.empty("There is no report in this workspace yet.", _build(None))
        return
    chosen = _list(every, {plan.name: plan for plan in plans})
    asked = st.query_params.get("report")
    if chosen is not None:
        st.query_params["report"] = chosen.key
    elif asked is not None:
        chosen = next((report for report in every if report.key == asked), None)
        if chosen is None:
            cards.problem(f"There is no report '{asked[:200]}'", "it is gone, or of another workspace")
    report = chosen or every[0]
    _one(report, next(plan for plan in plans if report in plan.reports))


def _list(every: list[Report], plans: dict[str, Seen]) -> Report | None:
    offset = pages(len(every), "r_page")
    part = every[offset : offset + PAGE]
    rows = [
        {
            "plan": report.plan,
            "window": when(report.window) + (" (built by hand)" if report.built else ""),
            "verdict": report.verdict,
            "alarms": (alarms := sum(alarm.window == report.window for alarm in plans[report.plan].alarms)),
            "state": _state(report, alarms),
        }
        for report in part
    ]
    alarmed = sum(report.code == 1 for report in every)
    row = table(
        pl.DataFrame(rows),
        alt=f"{len(every)} reports, {alarmed} with an alarm that nobody had acknowledged; choose one to read it",
        key="r-list",
        choose=True,
    )
    shown(offset, len(part), len(every), "reports", of="newest first; choose a row to read it")
    return None if row is None else part[row]


def _state(report: Report, alarms: int) -> str:
    if report.code is None:
        return "not entered in the ledger"
    missed = f", {report.missed} missed before it" if report.missed else ""
    return ("⚠ alarm" if report.code else "✓ alarms were known" if alarms else "✓ no alarm") + missed


def _one(report: Report, plan: Seen) -> None:
    st.header("One report", anchor=False)
    texts.line(f"{report.plan} · {when(report.window)}: {report.verdict}", strong=True)
    for alarm in plan.alarms:
        if alarm.window == report.window:
            seen = f"; acknowledged until {when(alarm.until)}" if alarm.until else ""
            texts.line(f"⚠ {alarm.level} · {alarm.about}: {alarm.message}{seen}")
    with st.container(horizontal=True):
        if reports.find(current().root, report.key) is None:
            st.caption("Its page is missing.")
        elif current().login:
            st.download_button(
                "Download the page",
                lambda: files.read(report.page),
                f"{report.window}.html",
                "text/html",
                on_click="ignore",
            )
        else:
            st.link_button(
                "Open the page",
                f"{REPORT}?{urlencode({'key': report.key})}",
                icon=":material/open_in_new:",
                on_click="ignore",
            )
    try:
        words = files.text(report.folder / "report.md")
    except UserError:
        st.caption("Its summary is missing: report.md.")
    else:
        with st.container(border=True):
            texts.show(cardtext.render(words))
    st.caption("Run now:")
    st.code(_build(plan), language=None)


def _build(plan: Seen | None) -> str:
    file = "PLAN.yaml" if plan is None or plan.file is None else shlex.quote(str(plan.file))
    return f"evalkit report build {file} --root {shlex.quote(str(current().root))}"
