"""All evaluations of the workspace: scores by task and model, with intervals, and what presets make of them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import cards, choices, chrome, copying, texts
from dashboard.ask import ask
from dashboard.charts import draw
from dashboard.charts.evals import whiskers
from dashboard.panels import evals_curated
from dashboard.queries import evals
from dashboard.tables import table
from dashboard.workspace import Workspace
from workbench.errors import UserError
from workbench.visible import one_line

if TYPE_CHECKING:
    import polars as pl

MOST = 40
"""Runs that are shown: the newest."""
_COLUMNS = 12
_TASKS = 12
FIRST = "the first of each task"


def show(here: Workspace) -> None:
    """The tab of scores."""
    runs, frame = every(here)
    if frame is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = _choose("Task", "task", sorted(frame["label"].unique().to_list()))
        metric = _choose("Metric", "metric", sorted(frame["metric"].drop_nulls().unique().to_list()), none=FIRST)
        chrome.copy_link(etab="Scores")
    rows = _picked(frame, task, metric)
    if not rows.height:
        cards.problem("No task has that metric.", "choose another task or metric above")
        return
    with cards.guarded():
        _matrix(rows)
    with cards.guarded():
        _whiskers(rows)
    with cards.guarded():
        _long(here, rows)
    with cards.guarded():
        evals_curated.show(here, rows)
    unfinished = sum(run.state not in ("finished", "unreadable") for run in here.of(evals.KIND))
    if unfinished:
        texts.line(f"Evaluations that are not finished, and stand nowhere here: {unfinished:,}.", soft=True)
    if runs > MOST:
        texts.line(f"The newest {MOST} of {runs:,} evaluations are shown.", soft=True)


def every(here: Workspace) -> tuple[int, pl.DataFrame | None]:
    """Rows of every finished evaluation that can be read; a card for each that cannot."""
    import polars as pl

    runs = here.of(evals.KIND)
    parts = []
    for run in [run for run in runs if run.readable][:MOST]:
        try:
            part = ask(evals.scores, run).value
        except UserError as error:
            cards.failed(error)
            continue
        parts.append(part.with_columns(run=pl.lit(run.id)))
    for run in runs[:MOST]:
        if run.state == "unreadable":
            cards.of_run(run)
    return len(runs), pl.concat(parts) if parts else None


def _choose(title: str, key: str, options: list[str], none: str = "all") -> str | None:
    choices.follow(key, options, None, title.lower())
    chosen = st.selectbox(title, options, index=None, key=key, placeholder=none, format_func=one_line, width=300)
    choices.keep(key, chosen)
    return chosen


def _picked(frame: pl.DataFrame, task: str | None, metric: str | None) -> pl.DataFrame:
    import polars as pl

    if task is not None:
        frame = frame.filter(label=task)
    return frame.filter(pl.col("place") == 0 if metric is None else pl.col("metric") == metric)


def score(row: dict[str, Any]) -> str:
    """A row's value with its interval, in words."""
    if row["value"] is None or row["low"] is None:
        return "-" if row["value"] is None else f"{row['value']:.4g}"
    if row["share"]:
        return f"{100 * row['value']:.1f} % [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    return f"{row['value']:.4g} [{row['low']:.4g}, {row['high']:.4g}]"


def _matrix(rows: pl.DataFrame) -> None:
    """Tasks down, runs across."""
    import polars as pl

    runs = rows["run"].unique(maintain_order=True).to_list()
    said = {(row["label"], row["metric"], row["run"]): score(row) for row in rows.to_dicts()}
    lines = sorted(dict.fromkeys((label, metric) for label, metric, _ in said), key=lambda line: line[0] == evals.MEAN)
    columns: dict[str, list[str]] = {
        "task": [line[0] for line in lines],
        "metric": ["-" if line[1] in (None, evals.MEAN) else line[1] for line in lines],
    }
    for run in runs:
        name = one_line(run)
        while name in columns:  # a run may be called `task`
            name += "′"
        columns[name] = [said.get((*line, run), "-") for line in lines]
    wide = pl.DataFrame(columns)
    st.header("Tasks by runs", anchor=False)
    table(
        wide[:, : 2 + _COLUMNS],
        alt=f"{wide.height} tasks by {len(runs)} runs, each with its score and 95 % interval",
        key="evals-matrix",
    )
    beyond = (
        f" The newest {_COLUMNS} of {len(runs):,} runs stand here; all stand below." if len(runs) > _COLUMNS else ""
    )
    texts.line(f"Score and 95 % interval.{beyond}", soft=True)
    copying.control(wide, key="evals-matrix")


def _whiskers(rows: pl.DataFrame) -> None:
    import polars as pl

    drawn = rows.filter(pl.col("value").is_not_null())
    # One axis for all: shares with shares, and other metrics one by one.
    kinds = drawn["metric"].replace(evals.MEAN, "acc").unique(maintain_order=True).to_list()
    shares = drawn.filter("share")
    drawn = shares if shares.height else drawn.filter(metric=kinds[0] if kinds else "")
    tasks = drawn["label"].unique(maintain_order=True).to_list()
    if not drawn.height:
        return
    places = {task: place + len(tasks) * (task == evals.MEAN) for place, task in enumerate(tasks[:_TASKS])}
    drawn = drawn.filter(pl.col("label").is_in(places.keys()))
    drawn = drawn.sort(pl.col("label").replace_strict(places, return_dtype=pl.Int64), maintain_order=True)
    frame = drawn.select(
        "value",
        "low",
        "high",
        "n",
        name=pl.format("{} · {}", "label", "run"),
        said=pl.Series(map(score, drawn.to_dicts())),
    )
    best = max(drawn.to_dicts(), key=lambda row: row["value"])
    share = bool(drawn["share"].all())
    draw.vega(
        frame,
        whiskers("score, 95 % interval", rows=frame.height, share=share),
        alt=f"Scores with 95 % intervals of {drawn['run'].n_unique()} runs on {len(tasks[:_TASKS])} tasks; the "
        f"highest is {score(best)} of {one_line(best['run'])} on {one_line(best['label'])}, n {best['n']:,}.",
        key="evals-whiskers",
    )
    if len(tasks) > _TASKS:
        texts.line(f"The first {_TASKS} of {len(tasks):,} tasks are drawn; choose one above.", soft=True)


def _long(here: Workspace, rows: pl.DataFrame) -> None:
    """A row a run and task: everything that is known of the number."""
    import polars as pl

    known = _known(here)
    frame = rows.filter(pl.col("metric") != evals.MEAN)
    joined = frame.join(known, on=["run", "label", "metric"], how="left", maintain_order="left")
    shown = joined.select(
        task="label",
        metric="metric",
        run="run",
        model="model",
        score="value",
        low="low",
        high="high",
        n="n",
        clusters="clusters",
        failed="failed",
        unscored="unscored",
        clean="clean_value",
        clean_low="clean_low",
        clean_high="clean_high",
        clean_n="clean_n",
        found="dirty_n",
        read=pl.when("seen").then(pl.lit("training split read")),
    )
    shown = shown.select(column for column in shown if column.null_count() < column.len())
    st.header("Every number", anchor=False)
    tested = joined.filter(pl.col("clean_items").is_not_null())["run"].n_unique()
    table(
        shown,
        alt=f"{shown.height} scores with intervals, items, failed items; {tested} runs know which items were read",
        columns={
            "clean": st.column_config.NumberColumn("not contaminated", format="%.4g", help="score on items not found"),
            "clean_low": st.column_config.NumberColumn("its low", format="%.4g"),
            "clean_high": st.column_config.NumberColumn("its high", format="%.4g"),
            "clean_n": st.column_config.NumberColumn("its n"),
            "found": st.column_config.NumberColumn("items found", help="items found in what the model has read"),
            **{name: st.column_config.NumberColumn(name, format="%.4g") for name in ("score", "low", "high")},
            "read": "note",
        },
        key="evals-long",
    )
    copying.control(shown, key="evals-long")
    without = [name for name in joined["run"].unique(maintain_order=True) if name not in set(known["run"])]
    if without:
        texts.line(f"Of {len(without):,} of these runs it is not known which items their models have read.", soft=True)
        # What shows commands is 1.5 MB of the client: the page does not wait for it.
        with st.popover("Look for them in the data of a model", on_change="rerun", key="evals-unknown") as opened:
            if opened.open:
                command = ["evalkit", "contamination", "known", without[0], "--root", str(here.root)]
                st.code(one_line(shlex.join(command)), language=None, wrap_lines=True)


def _known(here: Workspace) -> pl.DataFrame:
    """Scores on items that the model has not read, by run, label and metric; the newest search of each run counts."""
    import polars as pl

    found: dict[str, pl.DataFrame] = {}
    for run in here.of(evals.KNOWN):
        if not run.readable:
            continue
        try:
            part = ask(evals.clean_scores, run).value
        except UserError as error:
            cards.failed(error)
            continue
        for name in part["evaluation"].unique():
            found.setdefault(name, part.filter(evaluation=name))
    empty = {"evaluation": pl.String, "label": pl.String, "metric": pl.String, "set": pl.String, "items": pl.Int64}
    numbers = dict.fromkeys(("value", "low", "high"), pl.Float64) | {"n": pl.Int64}
    whole = pl.concat(found.values()) if found else pl.DataFrame(schema={**empty, **numbers})
    keys = ["evaluation", "label", "metric"]
    clean = whole.filter(set="clean").select(*keys, pl.col("items", "value", "low", "high", "n").name.prefix("clean_"))
    dirty = whole.filter(set="dirty").select(*keys, dirty_n="items")
    return clean.join(dirty, on=keys, how="left").rename({"evaluation": "run"})
