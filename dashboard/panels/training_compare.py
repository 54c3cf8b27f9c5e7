"""What the chosen runs differ in, and what each of them has read."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from dashboard import cards, chrome, texts
from dashboard.ask import ask, workspace
from dashboard.queries import training_recipes, training_story
from dashboard.tables import PAGE, table
from dashboard.workspace import RunRef
from workbench import registry
from workbench.errors import UserError
from workbench.render import cell, count
from workbench.visible import one_line


def recipes(runs: Sequence[RunRef]) -> None:
    """The settings in which recipes differ, aligned."""
    found = {}
    for run in runs:
        with cards.guarded():
            found[one_line(run.id)] = ask(training_recipes.recipe, run).value
    if len(found) < 2:
        cards.problem("Recipes are compared where two runs are chosen.", "add another run above")
        return
    frame = training_recipes.differing(found)
    settings = len({key for each in found.values() for key in each})
    if not frame.height:
        cards.problem(f"The recipes are the same in all {settings} settings.")
        return
    table(frame.head(300), alt=f"{frame.height} of {settings} settings differ", key="t-recipes")
    st.caption(
        f"{count(frame.height)} of {count(settings)} settings differ; a dash where a recipe has no such setting. "
        "Sources are digests of the data and weights that a run began with."
    )


def data(runs: Sequence[RunRef]) -> None:
    """What each run has read: the parts it counted, and the runs that these come from."""
    for run in runs:
        with cards.guarded():
            texts.line(run.id, strong=True)
            _read(run)
            _came_from(run)


def _read(run: RunRef) -> None:
    parts = training_story.seen(ask(training_story.stage, run).value)
    if not parts.height:
        if run.kind != "train.tokenizer":
            cards.problem("What it read by part is written when it is finished.")
        return
    total = float(parts["tokens"].sum())
    number = st.column_config.NumberColumn
    table(
        parts.sort("tokens", descending=True).head(200),
        alt=f"{parts.height} parts, {count(int(total))} tokens",
        columns={
            "rows": number(format="localized"),
            "tokens": number(format="localized"),
            "epochs": number(format="%.2f"),
        },
        key=f"t-seen-{run.id}",
    )
    st.caption(f"{count(int(total))} tokens read, exact. Epochs: how often a part was read on the mean.")


def _came_from(run: RunRef) -> None:
    try:
        lines = registry.lineage(run.path, workspace().root)
    except (UserError, OSError) as error:
        cards.failed(error if isinstance(error, UserError) else UserError("a parent cannot be read"))
        return
    rows = [
        ("  " * line.depth + ("└ " if line.depth else "") + line.id, line.kind or "-", line.state, line.created[:19])
        for line in lines[:PAGE]
    ]
    frame = pl.DataFrame(rows, schema=("run", "kind", "state", "begun"), orient="row")
    changed = sum(line.state in ("changed", "missing") for line in lines)
    alt = f"{len(lines)} runs, {cell(changed)} of them changed or missing"
    table(frame, alt=alt, key=f"t-lineage-{run.id}")
    st.caption("A run, and below it the runs that it was made from.")
    if len(lines) > len(rows):
        st.caption(f"The first {len(rows)} of {len(lines)} runs.")
    chrome.link("lineage", "Its whole lineage", run=run.id)
