"""The pictures of the curves, what their points and signs mean, and what happened to the runs as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
import streamlit as st

from dashboard import cards, texts
from dashboard.charts import draw
from dashboard.charts import training as pictures
from dashboard.queries.training_story import Mark
from dashboard.tables import table
from workbench.render import count
from workbench.visible import one_line

MARKS = 60
"""Marks of a run that a picture has room for."""


class View(NamedTuple):
    """What the controls say."""

    x: str
    smooth: int
    log_x: bool
    log_y: bool
    first: int
    last: int | None
    chosen: tuple[str, ...]


def say(frame: pl.DataFrame, view: View, happened: set[str]) -> None:
    """What a point is, a dashed line, and a sign."""
    most = int(frame.filter(pl.col("kind") == pictures.TRAINING)["count"].max() or 1)  # type: ignore[arg-type]
    parts = [
        "Every point is a step, exact."
        if most == 1
        else f"A point is up to {count(most)} steps: the line is their mean, the band the least and the largest."
    ]
    if view.smooth > 1:
        parts.append(f"Smoothed: the line is the mean of {view.smooth} points, this one and those before it.")
    if view.x == "time":
        parts.append("Time counts steps only, without evaluations, checkpoints and pauses.")
    if view.x == "flops":
        parts.append("FLOPs: as the run counts them for MFU, 6 for each weight of a matrix (no embedding) and token.")
    if (frame["kind"] == pictures.HELD_OUT).any():
        parts.append("Dashed, with points: measured on held-out data.")
    signs = [f"{sign} {what}" for what, (_, sign) in pictures.SHAPES.items() if what in happened]
    if signs:
        parts.append(f"On top: {', '.join(signs)}.")
    st.caption(" ".join(parts))


def show(everything: pl.DataFrame, view: View, marks: dict[str, list[Mark]], sql: Sequence[str]) -> None:
    """A picture of each metric, two in a row."""
    runs = list(everything["run"].unique(maintain_order=True))
    columns = st.columns(2)
    place = 0
    for name in view.chosen:
        frame = everything.filter(pl.col("metric") == name).drop("metric")
        total = frame.height
        if view.log_x:
            frame = frame.filter(pl.col("x") > 0)
        if view.log_y:  # a band that goes below 0 ends where its line is
            frame = frame.filter(pl.col("value") > 0)
            frame = frame.with_columns(pl.when(pl.col("low") > 0).then("low").otherwise("value").alias("low"))
        if not frame.height:
            if total:
                with columns[place % 2]:
                    cards.problem(f"{pictures.titled(name)}: no value above 0 for a logarithmic axis.")
                place += 1
            continue
        with columns[place % 2]:
            _picture(name, frame, runs, view, marks, sql, left_out=total - frame.height)
        place += 1


def _picture(
    name: str,
    frame: pl.DataFrame,
    runs: Sequence[str],
    view: View,
    marks: dict[str, list[Mark]],
    sql: Sequence[str],
    *,
    left_out: int,
) -> None:
    alone = (pl.len().over("run", "kind") <= 40) & (pl.col("kind") == pictures.TRAINING)
    frame = frame.with_columns(alone.alias("alone"))
    signs = pl.concat([_signs(run, frame, marks.get(run, [])) for run in runs])
    if view.log_x:
        signs = signs.filter(pl.col("x") > 0)
    whole = pl.concat([frame.drop("count"), signs], how="diagonal")
    present = [each for each in pictures.SHAPES if each in set(signs["what"])]
    spec = pictures.curve(name, runs, present, view.x, log_x=view.log_x, log_y=view.log_y)
    texts.line(pictures.titled(name), strong=True)
    draw.vega(whole, spec, alt=pictures.told(name, frame), key=f"t-curve-{name}", sql=sql)
    if left_out:
        st.caption(f"{count(left_out)} points at or below 0 have no place on a logarithmic axis.")


def _signs(run: str, frame: pl.DataFrame, marks: Sequence[Mark]) -> pl.DataFrame:
    """Marks of a run at the place of the first point that reaches their step."""
    kinds = {
        "run": pl.String,
        "kind": pl.String,
        "x": pl.Float64,
        "step": pl.Int64,
        "what": pl.String,
        "note": pl.String,
    }
    own = frame.filter((pl.col("run") == run) & (pl.col("kind") == pictures.TRAINING)).sort("step")
    own = own if own.height else frame.filter(pl.col("run") == run).sort("step")
    if not own.height:
        return pl.DataFrame(schema=kinds)
    steps, places = own["step"], own["x"]
    at = [min(int(steps.search_sorted(mark.step)), own.height - 1) for mark in marks[:MARKS]]
    rows = [
        (run, pictures.MARK, places[index], mark.step, mark.what, one_line(mark.note)[:200])
        for index, mark in zip(at, marks, strict=False)
    ]
    return pl.DataFrame(rows, schema=kinds, orient="row")


def happened(marks: dict[str, list[Mark]]) -> None:
    """What happened, as a table."""
    rows = [
        (one_line(run), mark.step, mark.what, mark.note)
        for run, found in marks.items()
        for mark in found
        if mark.what != "epoch"
    ]
    if not rows:
        return
    frame = pl.DataFrame(rows, schema=("run", "step", "what", "note"), orient="row").sort("what", "run", "step")
    alarms = frame.filter(pl.col("what").is_in(["alarm", "skipped"])).height
    with st.expander(f"What happened ({len(rows)}, of which {alarms} alarms)", on_change="rerun") as opened:
        if opened.open:
            table(frame.head(200), alt=f"{len(rows)} events, {alarms} of them alarms", key="t-events")
            st.caption(
                "Alarms as the run's guard logged them; skipped: a step whose update was not taken or that was no "
                "number. Checkpoints are those that are still there. Phases and epochs are known of finished runs."
            )
