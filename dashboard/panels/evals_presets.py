"""What the wording alone makes of a task: the same models on the same items under several presets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cards, copying, texts
from dashboard.charts import draw
from dashboard.charts.evals import whiskers
from dashboard.panels import evals_scores
from dashboard.tables import table
from dashboard.workspace import Workspace
from workbench.visible import one_line

if TYPE_CHECKING:
    import polars as pl


def show(here: Workspace) -> None:
    """The tab of presets."""
    import polars as pl

    _, frame = evals_scores.every(here)
    if frame is None:
        return
    many = frame.filter(pl.col("place") == 0, pl.col("task").is_not_null(), pl.col("beside").is_null(), pl.col("share"))
    many = many.filter(pl.col("preset").n_unique().over("run", "task") > 1)
    if not many.height:
        cards.empty("No task was run under several presets.", "evalkit run MODEL TASK@default TASK@other")
        return
    for (task,), rows in many.group_by("task", maintain_order=True):
        st.header(texts.label(str(task)), anchor=False)
        spread = _spread(rows)
        widest = max(spread.to_dicts(), key=lambda row: row["points"])
        said = pl.Series(map(evals_scores.score, rows.to_dicts()))
        named = rows.select("value", "low", "high", "n", "preset", name="run", said=said)
        draw.vega(
            named,
            whiskers("score, 95 % interval", rows=named.height, share=True, color="preset"),
            alt=f"{one_line(str(task))}: {rows['run'].n_unique()} runs under {rows['preset'].n_unique()} presets; the "
            f"widest spread is {widest['points']:.1f} points, of {one_line(widest['run'])}",
            key=f"evals-presets-{rows['label'][0]}",
        )
        table(
            spread, alt="lowest and highest preset of each run, with intervals", key=f"evals-spread-{rows['label'][0]}"
        )
        copying.control(spread, key=f"evals-spread-{rows['label'][0]}")


def _spread(rows: pl.DataFrame) -> pl.DataFrame:
    """Of each run: the lowest and the highest preset, each with its interval, and the points between them."""
    import polars as pl

    found = []
    for (run,), part in rows.group_by("run", maintain_order=True):
        ordered = part.drop_nulls("value").sort("value", "preset").to_dicts()
        if not ordered:
            continue
        low, high = ordered[0], ordered[-1]
        found.append(
            {
                "run": run,
                "presets": len(ordered),
                "lowest": f"{low['preset']}: {evals_scores.score(low)}",
                "highest": f"{high['preset']}: {evals_scores.score(high)}",
                "points": 100 * (high["value"] - low["value"]),
                "n": low["n"],
            }
        )
    return pl.DataFrame(found, infer_schema_length=None)
