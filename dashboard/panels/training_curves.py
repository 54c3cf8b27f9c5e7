"""The curves of up to eight runs, with what happened to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
import streamlit as st

from dashboard import cards, texts
from dashboard.ask import Answer, ask, source_of, workspace
from dashboard.charts import draw
from dashboard.charts import training as pictures
from dashboard.panels.training_head import extent_of, split
from dashboard.queries import training, training_recipes, training_story
from dashboard.queries.training import Window
from dashboard.queries.training_story import Mark
from dashboard.tables import table
from dashboard.workspace import RunRef
from workbench.errors import UserError
from workbench.render import count
from workbench.visible import one_line

MARKS = 60
"""Marks of a run that a picture has room for."""
SMOOTH = (1, 5, 10, 25)


class View(NamedTuple):
    """What the controls say."""

    x: str
    smooth: int
    log_x: bool
    log_y: bool
    first: int
    last: int | None
    chosen: tuple[str, ...]


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
    _say(everything, view, {mark.what for found in marks.values() for mark in found})
    _pictures(everything, view, marks, sql)
    _happened(marks)


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
            named = source_of(parent).json("tokens.json").get("phases", [])
            return tuple(map(str, named)) if isinstance(named, list) else ()
    return ()


def _say(frame: pl.DataFrame, view: View, happened: set[str]) -> None:
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


def _pictures(everything: pl.DataFrame, view: View, marks: dict[str, list[Mark]], sql: Sequence[str]) -> None:
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


def _happened(marks: dict[str, list[Mark]]) -> None:
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
