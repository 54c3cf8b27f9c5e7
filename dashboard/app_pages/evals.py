"""How good is it, how sure is that, and which items tell two models apart?"""

import streamlit as st

from dashboard import cards, chrome
from dashboard.ask import workspace
from dashboard.panels import evals_compare, evals_others, evals_presets, evals_scores
from dashboard.queries import evals

here = workspace()
if not here.of(evals.KIND, *evals.OTHERS):
    cards.empty("There is no evaluation in the workspace yet.", "evalkit run MODEL winnow-small --root workspace")
    st.stop()
linked = {"a", "b", "flip", "item"} & set(st.query_params)
chrome.parts(
    {
        "Scores": lambda: evals_scores.show(here),
        "Compare": lambda: evals_compare.show(here),
        "Presets": lambda: evals_presets.show(here),
        "Other checks": lambda: evals_others.show(here),
    },
    "etab",
    first="Compare" if linked else "Scores",
)
