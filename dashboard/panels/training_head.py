"""How far each training is: a row for those that ended, and for one that runs figures that follow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import streamlit as st

from dashboard import cards, texts
from dashboard.ask import ask, source_of, workspace
from dashboard.queries import training, training_story
from dashboard.queries.training import Extent
from dashboard.queries.training_story import Standing
from dashboard.tables import PAGE, table
from dashboard.workspace import RunRef
from workbench.errors import UserError
from workbench.render import cell, count, duration, percent
from workbench.visible import one_line

TAIL = 2
"""Parts that are read again while a run goes on: the newest, and the one before, for it may be short."""


def split(run: RunRef) -> tuple[tuple[str, ...], tuple[str, ...], RunRef]:
    """The parts of a run's metrics that stay as they are, the newest ones, and the run under the version that the first
    have together: a question to them is answered from the cache as long as they are the same."""
    listed = training.parts(run.path)
    closed, newest = listed[:-TAIL], listed[-TAIL:]
    version = "parts " + " ".join(f"{name} {stamp}" for name, stamp in closed)
    return tuple(name for name, _ in closed), tuple(name for name, _ in newest), replace(run, version=version)


def extent_of(run: RunRef) -> Extent:
    """The steps of a run, of one that goes on without reading again what was read."""
    if run.state != "running":
        return ask(training.extent, run).value
    closed, newest, fixed = split(run)
    before = ask(training.extent, fixed, only=closed).value if closed else training.EMPTY
    now = training.extent(source_of(run), newest)
    if not before.rows or not now.rows:
        return before if before.rows else now
    return Extent(
        before.first, now.last, before.rows + now.rows, before.tokens + now.tokens, before.seconds + now.seconds
    )


def standing_of(run: RunRef) -> Standing:
    """How far a run is."""
    if run.state != "running":
        return ask(training_story.standing, run).value
    closed, newest, fixed = split(run)
    before = ask(training.extent, fixed, only=closed).value if closed else training.EMPTY
    return training_story.standing(source_of(run).reading(training.TABLE, newest), before)


def sound(runs: Sequence[RunRef]) -> list[RunRef]:
    """The trainings whose metrics can be read; a card for each of the others."""
    found = []
    for run in runs:
        if run.kind == "train.tokenizer":
            continue
        with cards.guarded():
            extent_of(run)
            found.append(run)
    return found


def show(runs: Sequence[RunRef], trainings: Sequence[RunRef]) -> None:
    """The head of the page: live figures where a run goes on, a table of the others, and the tokenizers."""
    going = tuple(run.id for run in trainings if run.state == "running")
    if going:
        _live(going)
    others = [run for run in trainings if run.state != "running"]
    if others:
        with cards.guarded():
            _table(others)
    for run in runs:
        if run.kind == "train.tokenizer" and run.readable:
            with cards.guarded():
                _tokenizer(run)


@st.fragment(run_every="2s")
def _live(ids: tuple[str, ...]) -> None:
    here = workspace()
    running = [run for run in map(here.get, ids) if run is not None and run.state == "running"]
    if len(running) < len(ids):
        st.rerun()  # one has ended: it gets its place in the table, and nobody looks every two seconds any more
    for run in running:
        with cards.guarded():
            _figures(run, standing_of(run))


def _figures(run: RunRef, at: Standing) -> None:
    with st.container(border=True):
        texts.line(f"{run.id} · {run.kind} · running", strong=True)
        step = count(at.step) + (f" of {count(at.total)}" if at.total else "")
        speed = "-" if at.tokens_per_s is None else f"{at.tokens_per_s:,.0f}"
        figures = {
            "Step": step,
            "Tokens": count(int(at.tokens)),
            "Tokens per second": speed,
            "MFU": percent(at.peak_share),
            "Time left": "-" if at.left_s is None else f"about {duration(at.left_s)}",
            "Loss": cell(at.loss),
            "Held-out loss": cell(at.held_out),
            "Gradient norm": cell(at.grad_norm),
            "Last checkpoint": "none yet" if at.checkpoint is None else f"step {count(at.checkpoint)}",
        }
        with st.container(horizontal=True):
            for name, value in figures.items():
                st.metric(name, value, width="content")
        if at.total:
            st.progress(min(1.0, at.step / at.total))
        st.caption(
            "Loss: the mean of the last 20 steps. Speed, MFU (share of the measured matmul peak) and time left: of the "
            "last 50 steps, without evaluations and checkpoints. Rows reach the disk every 5 seconds."
        )


def _table(runs: Sequence[RunRef]) -> None:
    rows = []
    for run in runs:
        at = standing_of(run)
        rows.append(
            {
                "run": run.id,
                "stage": run.kind.removeprefix("train."),
                "state": run.state,
                "steps": at.step,
                "of": at.total,
                "tokens": int(at.tokens),
                "loss": at.loss,
                "held-out loss": at.held_out,
                "bits per byte": at.bits,
                "held-out n": at.labels,
                "tokens/s": None if at.tokens_per_s is None else round(at.tokens_per_s),
                "MFU": None if at.peak_share is None else 100 * at.peak_share,
                "seconds": round(at.seconds, 1),
                "checkpoint": at.checkpoint,
            }
        )
    frame = pl.DataFrame(rows, infer_schema_length=None)
    frame = frame.select(each for each in frame if each.null_count() < frame.height)
    number = st.column_config.NumberColumn
    config = {
        **{
            name: number(format="localized")
            for name in ("steps", "of", "tokens", "held-out n", "checkpoint", "tokens/s")
        },
        **{name: number(format="%.4f") for name in ("loss", "held-out loss", "bits per byte")},
        "MFU": number(format="%.1f %%"),
        "seconds": number(format="localized"),
    }
    best = min((row for row in rows if row["held-out loss"] is not None), key=_held_out, default=None)
    lowest = "" if best is None else f"; the lowest held-out loss is {cell(_held_out(best))}, of {best['run']}"
    table(frame, alt=f"{len(rows)} trainings{lowest}", columns=config, key="t-head")
    st.caption(
        "Exact. Loss: the mean of the last 20 steps. Held-out: the last evaluation of all parts together, a mean over "
        "n labels (of preferences: prompts). Seconds: in steps, without evaluations, checkpoints and pauses. Speed and "
        "MFU (share of the measured matmul peak): the last 50 steps."
    )

    for run in runs:
        if run.kind == "train.reward" and (words := training_story.judged(ask(training_story.stage, run).value)):
            texts.line(f"{run.id} on held-out preferences: {words}", soft=True)


def _held_out(row: Mapping[str, Any]) -> float:
    return float(row["held-out loss"])


def _tokenizer(run: RunRef) -> None:
    report = source_of(run).json("report.json")
    listed = report.get("groups", []) if isinstance(report, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise UserError(f"report.json of the run '{run.id}' is none", hint=f"workbench lineage {run.path}")
    groups = pl.DataFrame(listed, infer_schema_length=None)
    texts.line(f"Tokenizer {run.id}", strong=True)
    wanted = ("by", "value", "documents", "bytes", "tokens", "bytes_per_token", "chars_per_token", "tokens_per_word")
    frame = groups.select(name for name in wanted if name in groups.columns)
    whole = frame.row(0, named=True) if frame.height else {}
    alt = f"{count(int(report.get('vocabulary', 0)))} tokens; {cell(whole.get('bytes_per_token'))} bytes a token"
    table(frame.head(PAGE), alt=f"{one_line(run.id)}: {alt}", key=f"t-tokenizer-{run.id}")
    st.caption(
        f"Vocabulary of {count(int(report.get('vocabulary', 0)))}, of which {count(int(report.get('special', 0)))} are "
        f"special and {count(int(report.get('unused', 0)))} never occur in the texts measured. Exact, over "
        f"{count(int(report.get('bytes', 0)))} bytes."
    )
