"""The newest models and evaluations of the workspace, in one line each."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboard import chrome
from dashboard.ask import ask
from dashboard.queries import overview
from dashboard.tables import table
from dashboard.workspace import RunRef, Workspace
from workbench.render import count

MODELS = tuple(f"train.{stage}" for stage in ("pretrain", "anneal", "extend", "sft", "reward", "dpo", "pg", "ppo"))
_SHOWN = 6


def models(here: Workspace) -> None:
    """The newest training runs: steps, tokens, parameters, loss."""
    found = [run for run in here.of(*MODELS) if run.readable]
    if not found:
        return
    st.header("Newest models", anchor=False)
    rows = [
        {"run": run.id, "stage": run.kind.removeprefix("train."), **ask(overview.trained, run).value}
        for run in found[:_SHOWN]
    ]
    whole = st.column_config.NumberColumn
    table(
        pl.DataFrame(rows, infer_schema_length=None),
        alt=f"The newest {len(rows)} of {len(found)} models; the last: {found[0].id}",
        columns={
            "checkpoint": None,
            "steps": whole("steps", format="localized"),
            "tokens": whole("tokens", format="compact"),
            "parameters": whole("parameters", format="compact"),
            "held_out_loss": whole("held-out loss", format="%.4f"),
            "training_loss": whole("training loss", format="%.4f"),
        },
        key="o-models",
    )
    _more(found, "models", "training")


def evaluations(here: Workspace) -> None:
    """The newest evaluations: the average of all their tasks with its 95 % interval."""
    found = [run for run in here.of("eval") if run.readable]
    if not found:
        return
    st.header("Newest evaluations", anchor=False)
    rows = [{"run": run.id, **ask(overview.scored, run).value} for run in found[:_SHOWN]]
    share = st.column_config.NumberColumn
    table(
        pl.DataFrame(rows, infer_schema_length=None),
        alt=f"The newest {len(rows)} of {len(found)} evaluations; the last: {found[0].id}",
        columns={
            "value": share("average of the tasks", format="%.3f"),
            "low": share("low, 95 %", format="%.3f"),
            "high": share("high, 95 %", format="%.3f"),
            "n": share("items", format="localized"),
        },
        key="o-evaluations",
    )
    _more(found, "evaluations", "evals")


def _more(found: list[RunRef], what: str, page: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"The newest {count(min(_SHOWN, len(found)))} of {count(len(found))}.")
        chrome.link(page, f"All {what}")
