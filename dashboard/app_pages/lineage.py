"""From a record to a score and back; cards, reports, schedules."""

import streamlit as st

from dashboard import cards, chrome
from dashboard.ask import workspace
from dashboard.panels import lineage_cards, lineage_path, lineage_reports, lineage_schedules, overview_start

here = workspace()
tabs = dict(
    zip(
        ("Lineage", "Cards", "Reports", "Schedules"),
        st.tabs(["Lineage", "Cards", "Reports", "Schedules"], key="tab", bind="query-params"),
        strict=True,
    )
)
opened = next((name for name, tab in tabs.items() if tab.open), "Lineage")
with tabs[opened]:
    if opened == "Reports":
        lineage_reports.show()
    elif opened == "Schedules":
        lineage_schedules.show()
    elif not here.runs:
        overview_start.empty()
    elif opened == "Cards":
        lineage_cards.show(here)
    else:
        run, _ = chrome.pickers(list(reversed(here.runs)))
        if not cards.of_run(run) or run.parents:
            with cards.guarded():
                lineage_path.show(here, run)
