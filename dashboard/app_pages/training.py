"""How do trainings go, how do they differ, and what do the models write?"""

import streamlit as st

from dashboard import cards, chrome
from dashboard.ask import workspace
from dashboard.panels import (
    training_compare,
    training_curves,
    training_head,
    training_pick,
    training_scaling,
    training_texts,
)

options = workspace().of(*training_pick.KINDS)
if not options:
    cards.empty("There is no training in the workspace yet.", "train pretrain --data DATASET --root workspace")
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    runs = training_pick.runs(options)
    chrome.copy_link(runs=",".join(run.id for run in runs))
runs = [run for run in runs if run.state not in ("unreadable", "missing") or not cards.of_run(run)]
if not runs:
    st.stop()
trainings = training_head.sound(runs)
training_head.show(runs, trainings)
chrome.parts(
    {
        "Curves": lambda: training_curves.show(trainings),
        "Recipes": lambda: training_compare.recipes(runs),
        "Samples": lambda: training_texts.samples(runs),
        "Rollouts": lambda: training_texts.rollouts(runs),
        "Scaling": training_scaling.show,
        "Data": lambda: training_compare.data(runs),
    },
    "part",
)
