"""The curves of up to eight runs, with what happened to them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from dashboard import cards
from dashboard.ask import Answer, ask, source_of, workspace
from dashboard.charts import training as pictures
from dashboard.panels import training_drawn
from dashboard.panels.training_drawn import View
from dashboard.panels.training_head import extent_of, split
from dashboard.queries import training, training_recipes, training_story
from dashboard.queries.training import Window
from dashboard.queries.training_story import Mark
from dashboard.workspace import RunRef
from workbench.errors import UserError
from workbench.visible import one_line

SMOOTH = (1, 5, 10, 25)


def show(runs: Sequence[RunRef]) -> None:
    """Controls, a picture of each metric, and the table of what happened."""
    if not runs:
        cards.problem("None of these runs has curves.", "choose a training above")
        return
    ids = tuple(run.id for run in runs)
    with cards.guarded():
        view = _controls(runs)
        if any(run.state == "running" for run in runs):
            _live(ids, view)
        else:
            _draw(ids, view)


@st.fragment(run_every="4s")
def _live(ids: tuple[str, ...], view: View) -> None:
    with cards.guarded():
        _draw(ids, view)


def _controls(runs: Sequence[RunRef]) -> View:
    known = training.union([_names(run) for run in runs])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        x = st.segmented_control(
            "Along",
            list(pictures.AXES),
            default="step",
            required=True,
            key="x",
            bind="query-params",
        )
        smooth = st.segmented_control(
            "Smoothing, in points",
            SMOOTH,
            default=1,
            required=True,
            key="smooth",
            bind="query-params",
            help="1 is none. Else the line is the mean of a point and of those before it, never of later ones.",
        )
        log_x = st.toggle("Log x", key="logx", bind="query-params")
        log_y = st.toggle("Log y", key="logy", bind="query-params")
        first = st.number_input("From step", min_value=0, value=0, key="from", bind="query-params", width=120)
        last = st.number_input(
            "To step", min_value=0, value=None, key="to", bind="query-params", width=120, placeholder="the last"
        )
    chosen = st.multiselect(
        "Curves",
        known,
        key="curves",
        bind="query-params",
        format_func=one_line,
        placeholder="the usual ones of these stages",
        max_selections=16,
    )
    usual = [name for name in pictures.USUAL if name in known] or known[:6]
    begin = int(first or 0)
    end = None if last is None or last <= begin else int(last)
    return View(x or "step", int(smooth or 1), bool(log_x), bool(log_y), begin, end, tuple(chosen or usual))


def _names(run: RunRef) -> list[str]:
    if run.state == "running":
        return training.names(source_of(run).reading(training.TABLE, split(run)[1]))
    return ask(training.names, run).value


def _draw(ids: tuple[str, ...], view: View) -> None:
    runs = [run for run in map(workspace().get, ids) if run is not None]
    drawn, marks, unread, sql = [], {}, [], list[str]()
    for run in runs:
        extent = extent_of(run)
        if not extent.rows:
            unread.append(run)
            continue
        window = training.window(
            max(view.first, extent.first), min(view.last or extent.last, extent.last), log=view.log_x, points=_room(ids)
        )
        points = _points(run, view.chosen, window)
        sql = sql or list(points.sql)
        frame = training.smoothed(points.value, view.smooth)
        marks[run.id] = _marks(run, view)
        placed = _placed(run, frame, view)
        if placed is None:
            cards.problem(f"The run '{run.id}' says nothing of FLOPs: hardware.json is missing.", "choose another axis")
            continue
        drawn.append(placed)
    for run in unread:
        what = "has not finished a step yet" if run.state == "running" else "has no rows of metrics"
        cards.problem(f"The run '{run.id}' {what}.", f"train it on with its own command: workbench lineage {run.path}")
    if not drawn:
        return
    everything = pl.concat(drawn)
    training_drawn.say(everything, view, {mark.what for found in marks.values() for mark in found})
    training_drawn.show(everything, view, marks, sql)
    training_drawn.happened(marks)


def _room(ids: Sequence[str]) -> int:
    """Points for each run: fewer where there are many, for the browser draws every one."""
    return training.POINTS if len(ids) <= 4 else training.POINTS // 2


def _points(run: RunRef, columns: tuple[str, ...], window: Window) -> Answer[pl.DataFrame]:
    values = {"columns": columns, **window._asdict()}
    if run.state != "running":
        return ask(training.curves, run, **values)
    closed, newest, fixed = split(run)
    source = source_of(run)
    tail = training.curves(source, only=newest, **values)
    if not closed:
        return Answer(tail, tuple(source.asked))
    before = ask(training.curves, fixed, only=closed, **values)
    so_far = ask(training.extent, fixed, only=closed).value
    return Answer(training.joined(before.value, tail, so_far), before.sql)


def _placed(run: RunRef, frame: pl.DataFrame, view: View) -> pl.DataFrame | None:
    """The points with their place on the axis; None where the run has none there."""
    factor = 1.0
    if view.x == "flops":
        found = _flops(run)
        if found is None:
            return None
        factor = found
    source = {"step": "step", "tokens": "tokens", "flops": "tokens", "time": "seconds"}[view.x]
    kinds = {training.TRAIN: pictures.TRAINING, training.EVAL: pictures.HELD_OUT}
    return frame.select(
        pl.lit(one_line(run.id)).alias("run"),
        "metric",
        pl.col("kind").replace_strict(kinds, default=pictures.TRAINING),
        (pl.col(source).cast(pl.Float64) * factor).alias("x"),
        *("low", "value", "high", "since", "step", "count"),
    )


def _flops(run: RunRef) -> float | None:
    try:
        precision = ask(training_recipes.recipe, run).value.get("precision", "fp32")
        if run.state == "running":
            newest = source_of(run).reading(training.TABLE, split(run)[1])
            return training.flops_per_token(newest, precision)
        return ask(training.flops_per_token, run, precision=precision).value
    except UserError:
        return None


def _marks(run: RunRef, view: View) -> list[Mark]:
    if run.state == "running":
        found = training_story.marks(source_of(run).reading(training.TABLE, split(run)[1]))
    else:
        found = ask(training_story.marks, run, phases=phases_of(run)).value
    return [mark for mark in found if view.first <= mark.step and (view.last is None or mark.step <= view.last)]


def phases_of(run: RunRef) -> tuple[str, ...]:
    """The phases of the tokens that a run read, in their order; none where they are not in the workspace."""
    parents = (workspace().get(name) for name in run.parents)
    for parent in parents:
        if parent is not None and parent.kind == "train.tokens" and parent.readable:
            told = source_of(parent).json("tokens.json")
            named = told.get("phases") if isinstance(told, dict) else None
            return tuple(map(str, named)) if isinstance(named, list) else ()
    return ()
