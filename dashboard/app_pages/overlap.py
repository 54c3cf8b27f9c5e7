"""Duplicates and benchmark items of a run, side by side."""

import streamlit as st

from dashboard import cards, chrome
from dashboard.panels import overlap_contamination, overlap_duplicates
from dashboard.workspace import DATASETS

here = chrome.begin(*DATASETS, what="curated run", command="curate run --input sample --root workspace")
TABS = ("Duplicates", "Contamination")
held = str(st.session_state.get("tab", st.query_params.get("tab", ""))).capitalize()
st.session_state["tab"] = held if held in TABS else TABS[0]
tab = st.segmented_control("Part", TABS, key="tab", bind="query-params", required=True, label_visibility="collapsed")
with cards.guarded():
    (overlap_contamination if tab == TABS[1] else overlap_duplicates).show(here.run)
