"""What the models wrote while they were trained: samples by step, and the rollouts of reinforcement learning."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from dashboard import cards, texts
from dashboard.ask import ask, source_of
from dashboard.queries import training_texts
from dashboard.tables import PAGE, pages, shown, table
from dashboard.workspace import RunRef
from workbench.render import cell, count
from workbench.visible import one_line

SIDE_BY_SIDE = 4


def samples(runs: Sequence[RunRef]) -> None:
    """What runs wrote after a step, side by side."""
    steps = {}
    for run in runs:
        with cards.guarded():
            found = training_texts.sample_steps(source_of(run))
            if found:
                steps[run.id] = found
    if not steps:
        cards.empty(
            "None of these runs stored samples.", "train pretrain ... --set sample_every=200 --set \"prompts=['The']\""
        )
        return
    every = sorted({step for each in steps.values() for step in each})
    chosen = every[-1]
    if len(every) > 1:
        chosen = st.select_slider("After step", every, value=every[-1], key="sampled", bind="query-params")
    having = [run for run in runs if run.id in steps][:SIDE_BY_SIDE]
    for run, column in zip(having, st.columns(len(having)), strict=True):
        with column, cards.guarded():
            _samples(run, max((step for step in steps[run.id] if step <= chosen), default=steps[run.id][0]))
    left = f" The first {SIDE_BY_SIDE} of {len(steps)} runs are shown." if len(steps) > SIDE_BY_SIDE else ""
    st.caption(
        "Written with the run's seed, the same after every step: one sample of each prompt, not a measure of quality."
        + left
    )


def _samples(run: RunRef, step: int) -> None:
    texts.line(f"{run.id}, after step {count(step)}", strong=True)
    for number, (prompt, text, chars) in enumerate(training_texts.samples(source_of(run), step).iter_rows()):
        texts.line(f"Prompt: {prompt}" if prompt else "Without a prompt", soft=True)
        texts.document(text or "", label=f"Sample {number + 1} of the run {run.id} after step {step}")
        if chars and chars > training_texts.LONGEST:
            st.caption(f"The first {count(training_texts.LONGEST)} of {count(chars)} characters.")


def rollouts(runs: Sequence[RunRef]) -> None:
    """The responses of one rollout, worst first, and one of them whole."""
    stored = {run.id: files for run in runs if (files := training_texts.rollout_files(source_of(run)))}
    if not stored:
        cards.empty(
            "None of these runs stored rollouts: only reinforcement learning does.", "train pg RECIPE --from CHAT_MODEL"
        )
        return
    having = {run.id: run for run in runs if run.id in stored}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = next(iter(having))
        if len(having) > 1:
            name = st.selectbox(
                "Rollouts of", list(having), key="rolled", bind="query-params", format_func=one_line, width=300
            )
        files = stored.get(name) or next(iter(stored.values()))
        steps = list(files)
        step = steps[-1]
        if len(steps) > 1:
            step = st.select_slider("Sampled before step", steps, value=steps[-1], key="rollout", bind="query-params")
        order = st.segmented_control(
            "Order",
            list(training_texts.ORDERS),
            default=next(iter(training_texts.ORDERS)),
            required=True,
            key="ranked",
            bind="query-params",
        )
    _rollout(having[name], files.get(step, files[steps[-1]]), str(order))


def _rollout(run: RunRef, file: str, order: str) -> None:
    total = ask(training_texts.rollout_count, run, file=file).value
    offset = pages(total, "rollpage")
    found = ask(training_texts.rollouts, run, file=file, order=order, limit=PAGE, offset=offset)
    frame = found.value
    number = st.column_config.NumberColumn
    reals = [name for name, kind in frame.schema.items() if kind == pl.Float64]
    mean = cell(frame["score"].mean())
    chosen = table(
        frame,
        alt=f"{frame.height} of {total} responses; their mean score is {mean}",
        columns={name: number(format="%.3f") for name in reals},
        key="t-rollouts",
        choose=True,
    )
    shown(offset, frame.height, total, "responses", of="of this rollout, all of it; KL in nats a response")
    if not frame.height:
        return
    row = frame.row(chosen or 0, named=True)
    whole = source_of(run)
    text = training_texts.rollout(whole, file, row["prompt_id"], row["sample"])
    if not text.height:
        return
    prompt, response, prompt_tokens, tokens = text.row(0)
    parts = ", ".join(
        f"{name.removeprefix('reward ')} {cell(value)}" for name, value in row.items() if name.startswith("reward ")
    )
    texts.line(f"Prompt {row['prompt_id']}, response {row['sample']}", strong=True)
    texts.line(
        f"score {cell(row['score'])}" + (f" ({parts})" if parts else "") + f" · KL {cell(row['kl'])} nats · advantage "
        f"{cell(row['advantage'])} · {prompt_tokens} tokens and {tokens} · ended: {row['reason']}",
        soft=True,
    )
    left, right = st.columns(2)
    with left:
        texts.document(prompt or "", label="The prompt")
    with right:
        texts.document(response or "", label="The response")
    if chosen is None:
        st.caption("Choose a row to read another response whole.")
