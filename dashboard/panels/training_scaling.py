"""Finished pretrainings by their size: points, and no line, for no run of a workspace leaves a fit."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboard import cards
from dashboard.ask import ask, workspace
from dashboard.charts import draw
from dashboard.charts import training as pictures
from dashboard.frames import told
from dashboard.queries import training_recipes, training_story
from dashboard.tables import table
from workbench.errors import UserError
from workbench.render import cell, count
from workbench.visible import one_line


def show() -> None:
    """All finished pretrainings of the workspace, whatever is chosen above."""
    finished = [run for run in workspace().of("train.pretrain") if run.readable]
    points = []
    for run in finished:
        try:
            precision = ask(training_recipes.recipe, run).value.get("precision", "fp32")
            points.append(ask(training_story.scaling, run, precision=precision).value)
        except UserError as error:
            cards.failed(error)
    measured = [point for point in points if point is not None]
    if not measured:
        cards.empty(
            "No finished pretraining of the workspace measured held-out text.",
            "train pretrain --data DATASET --depth 4 --tokens 20x",
        )
        return
    frame = pl.DataFrame(measured, infer_schema_length=None).sort("flops")
    frame = frame.with_columns(told(frame["run"], one_line), told(frame["data"], one_line))
    with st.container(horizontal=True):
        x = st.segmented_control(
            "Along",
            list(pictures.SIZES),
            default="flops",
            required=True,
            key="size",
            bind="query-params",
        )
        y = st.segmented_control(
            "Measured",
            list(pictures.LOSSES),
            default="loss",
            required=True,
            key="measured",
            bind="query-params",
        )
    x, y = str(x or "flops"), str(y or "loss")
    known = frame.filter(pl.col(x).is_not_null() & pl.col(y).is_not_null())
    if not known.height:
        cards.problem("None of these runs knows both figures.", "choose others")
        return
    groups = list(known["data"].unique(maintain_order=True))
    best = known.sort(y).row(0, named=True)
    lowest = f"{best['run']} with {cell(best[y])} at {best[x]:.3g} {pictures.SIZES[x]}"
    alt = f"{known.height} pretrainings; the lowest is {lowest}"
    draw.vega(known, pictures.scaling(x, y, groups), alt=alt, key="t-scaling")
    table(frame, alt=alt, key="t-scaling-table")
    missing = len(finished) - len(measured)
    st.caption(
        f"{count(known.height)} finished pretrainings, points only: no run of this workspace holds a fitted law, so "
        "none is drawn. A loss is exact, the mean over n held-out tokens; losses compare only where the tokens are of "
        "the same run (colour and shape), bits per byte also across tokenizers. "
        "FLOPs: as the runs count them for MFU."
    )
    if missing:
        st.caption(f"{count(missing)} more measured nothing and are not shown.")
