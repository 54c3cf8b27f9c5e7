"""Which models the playground asks, and how those of the workspace are served."""

from __future__ import annotations

import shlex
from pathlib import Path

import polars as pl
import streamlit as st

from dashboard import cards, texts
from dashboard.ask import source_of, workspace
from dashboard.asking import Server
from dashboard.queries import training_story
from dashboard.settings import current
from dashboard.tables import table
from workbench.visible import one_line

SPEAKING = tuple(f"train.{stage}" for stage in ("pretrain", "anneal", "extend", "sft", "dpo", "pg", "ppo"))
"""Kinds of runs whose checkpoints continue a text."""
CHATTING = ("train.sft", "train.dpo", "train.pg", "train.ppo")
FIRST_PORT = 8000


def server(side: str, number: int) -> Server:
    """Address, model and key of one side. None of them stands in a URL: a link of a stranger would have the visitor's
    prompts, and the value of a variable, sent where the stranger likes."""
    settings = current()
    if settings.shared:
        url = st.selectbox(
            f"Endpoint {side}", settings.endpoints, key=f"p-url-{side}", format_func=one_line, persist_state="session"
        )
    else:
        given = settings.endpoints[min(number, len(settings.endpoints) - 1)] if settings.endpoints else ""
        url = st.text_input(
            f"Endpoint {side}",
            given or f"http://127.0.0.1:{FIRST_PORT + number}/v1",
            key=f"p-url-{side}",
            max_chars=500,
            persist_state="session",
            help="The base address of an OpenAI-compatible server. Requests go there and nowhere else.",
        )
    left, right = st.columns(2)
    model = left.text_input(
        f"Model {side}", key=f"p-model-{side}", max_chars=200, placeholder="the first it lists", persist_state="session"
    )
    variable = right.text_input(
        f"Variable with the key {side}",
        key=f"p-key-{side}",
        max_chars=100,
        placeholder="no key is sent",
        help="The name of an environment variable of the dashboard, never the key itself. The key is not shown, stored "
        "or logged.",
        persist_state="session",
    )
    return Server(str(url or ""), str(model or "").strip(), str(variable or "").strip())


def served() -> None:
    """The checkpoints of the workspace, with the command that serves the chosen one."""
    with st.expander("Serve a checkpoint of this workspace", on_change="rerun") as opened:
        if opened.open:
            with cards.guarded():
                _checkpoints()


def _checkpoints() -> None:
    rows = []
    for run in workspace().of(*SPEAKING):
        if run.state in ("unreadable", "missing"):
            continue
        steps = training_story.checkpoints(source_of(run))
        if steps:
            form = "chat" if run.kind in CHATTING else "completion"
            rows.append((run.id, run.kind.removeprefix("train."), run.state, steps[-1], form, str(run.path)))
    if not rows:
        cards.empty("No model of the workspace has a checkpoint yet.", "train pretrain --data DATASET --root workspace")
        return
    frame = pl.DataFrame(rows, schema=("run", "stage", "state", "step", "mode", "path"), orient="row")
    alt = f"{frame.height} models that can be served"
    chosen = table(frame.drop("path").head(200), alt=alt, key="p-checkpoints", choose=True)
    run, _, _, _, mode, path = frame.row(chosen or 0)
    st.code(command(Path(path), FIRST_PORT), language="bash", wrap_lines=True)
    texts.line(
        f"Give it in a shell of this machine; then ask the endpoint http://127.0.0.1:{FIRST_PORT}/v1 in the mode "
        f"“{mode}”. It serves the last checkpoint of {run} (--best: the best one). A second one needs --port "
        f"{FIRST_PORT + 1}.",
        soft=True,
    )


def command(run: Path, port: int) -> str:
    """What serves the last checkpoint of a run at a port."""
    return f"train serve {shlex.quote(str(run))} --port {port}"
