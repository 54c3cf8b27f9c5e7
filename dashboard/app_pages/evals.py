"""How good is it, how sure is that, and which items tell two models apart?"""

import streamlit as st

from dashboard import cards
from dashboard.ask import workspace
from dashboard.panels import evals_compare, evals_others, evals_scores
from dashboard.queries import evals

here = workspace()
if not here.of(evals.KIND, *evals.OTHERS):
    cards.empty("There is no evaluation in the workspace yet.", "evalkit run MODEL winnow-small --root workspace")
    st.stop()
TABS = ("Scores", "Compare", "Presets", "Other checks")
linked = {"a", "b", "flip", "item"} & set(st.query_params)
scores, compare, presets, others = st.tabs(
    TABS, key="etab", bind="query-params", default=TABS[1] if linked else TABS[0]
)
if scores.open:
    with scores, cards.guarded():
        evals_scores.show(here)
if compare.open:
    with compare, cards.guarded():
        evals_compare.show(here)
if presets.open:
    with presets, cards.guarded():
        evals_scores.presets(here)
if others.open:
    with others, cards.guarded():
        evals_others.show(here)
