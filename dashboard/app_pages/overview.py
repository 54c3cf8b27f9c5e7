"""Is it healthy, and where did the tokens go?"""

from dashboard import cards, chrome
from dashboard.ask import workspace
from dashboard.panels import (
    overview_figures,
    overview_mix,
    overview_newest,
    overview_now,
    overview_start,
    overview_state,
    overview_steps,
)
from dashboard.queries import reports
from dashboard.settings import current
from dashboard.workspace import DATASETS

here = workspace()
datasets = here.of(*DATASETS)
if not here.runs:
    overview_start.empty()
run = other = None
if datasets:
    run, other = chrome.pickers(datasets, compare=True)
    if cards.of_run(run):
        run = None
    if other is not None and cards.of_run(other):
        other = None
elif here.runs:
    overview_start.no_dataset()
if run is not None:
    with cards.guarded():
        overview_figures.of_run(run, other)
    overview_state.gates(run)
overview_now.live(here)
with cards.guarded():
    plans = reports.seen(current().root)
    overview_figures.of_workspace(here, plans)
    overview_state.alarms(plans)
if run is not None:
    with cards.guarded():
        overview_steps.show(run)
    with cards.guarded():
        overview_mix.show(run, other)
with cards.guarded():
    overview_newest.evaluations(here)
with cards.guarded():
    overview_newest.models(here)
overview_now.unfinished(here)
