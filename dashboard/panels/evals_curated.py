"""Scores on items that do not stand in a curated run, where it was searched for the very files of the items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import copying, texts
from dashboard.ask import ask
from dashboard.queries import evals_curated as queries
from dashboard.tables import table
from dashboard.workspace import DATASETS, RunRef, Workspace
from evalkit.run.show import number
from workbench.errors import UserError
from workbench.visible import one_line

if TYPE_CHECKING:
    import polars as pl

_RUNS = 20
_KEY = "ecurated"


def show(here: Workspace, rows: pl.DataFrame) -> None:
    """rows: of the scores that are shown; their runs are those whose items are looked up."""
    with st.expander(
        "Scores on items that do not stand in curated data", key="ecurated-open", on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        names = rows["run"].unique(maintain_order=True).to_list()[:_RUNS]
        runs = [run for run in map(here.get, names) if run is not None]
        curated = [run for run in here.of(*DATASETS) if run.readable and any(_shared(each, run) for each in runs)]
        if not curated:
            texts.line("No curated run was searched for the items of these tasks; this does it:", soft=True)
            st.code("curate decontaminate RUN --against FILE_OF_THE_ITEMS", language=None)
            return
        ids = {run.id: run for run in curated}
        if st.session_state.get(_KEY) not in ids:
            st.session_state[_KEY] = curated[0].id
        chosen = str(st.selectbox("Curated run", list(ids), key=_KEY, format_func=one_line, width=340))
        _table(runs, ids.get(chosen, curated[0]), rows)


def _shared(run: RunRef, curated: RunRef) -> bool:
    try:
        return bool(queries.shared_files(*(ask(queries.read_files, each).value for each in (run, curated))))
    except UserError:
        return False  # it is named where its own numbers stand


def _table(runs: list[RunRef], curated: RunRef, rows: pl.DataFrame) -> None:
    import polars as pl

    parts = []
    for run in runs:
        if _shared(run, curated):
            found = ask(queries.by_set, run, other=curated).value
            if found.height:
                parts.append(found.select(pl.lit(run.id).alias("run"), pl.all()))
    wanted = rows.select("run", "label", "metric")
    frame = pl.concat(parts, how="vertical_relaxed").join(wanted, on=["run", "label", "metric"]) if parts else None
    if frame is None or not frame.height:
        texts.line("None of the tasks shown has all its items in a file that was searched for.", soft=True)
        return
    shown = pl.DataFrame(
        [
            {
                "run": row["run"],
                "task": row["label"],
                "metric": row["metric"],
                "on items not found": _said(row, "clean"),
                "on items found": _said(row, "found"),
                "too short to look for": row["untestable"],
            }
            for row in frame.to_dicts()
        ]
    )
    first = shown.row(0, named=True)
    table(
        shown,
        alt=f"{shown.height} scores on items that {one_line(curated.id)} does not hold; {one_line(first['run'])} on "
        f"{one_line(first['task'])}: {first['on items not found']}",
        key="evals-curated",
    )
    note = "Whether a model was trained on this run is another question; evalkit contamination known answers it."
    texts.line(f"Both runs read the same file of items, by its SHA-256. {note}", soft=True)
    copying.control(shown, key="evals-curated")


def _said(row: dict[str, Any], prefix: str) -> str:
    if row[f"{prefix}_value"] is None:
        return f"-, n {row[f'{prefix}_n'] or 0:,}"
    value, low, high = (number(row["metric"], row[f"{prefix}_{name}"]) for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}], n {row[f'{prefix}_n']:,}"
