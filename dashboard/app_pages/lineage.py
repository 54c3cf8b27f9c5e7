"""From a record to a score and back; cards, reports, schedules."""

from dashboard import cards, chrome
from dashboard.ask import workspace
from dashboard.panels import lineage_cards, lineage_path, lineage_reports, lineage_schedules, overview_start

here = workspace()


def path() -> None:
    run, _ = chrome.pickers(list(reversed(here.runs)))
    if not cards.of_run(run) or run.parents:
        lineage_path.show(here, run)


chrome.parts(
    {
        "Lineage": path if here.runs else overview_start.empty,
        "Cards": (lambda: lineage_cards.show(here)) if here.runs else overview_start.empty,
        "Reports": lineage_reports.show,
        "Schedules": lineage_schedules.show,
    },
    "tab",
)
