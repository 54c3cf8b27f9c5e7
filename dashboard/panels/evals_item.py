"""One item of a task whole: what was asked, what both models made of it, and what is known of it elsewhere."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import cards, texts
from dashboard.aligned import aligned
from dashboard.ask import ask
from dashboard.queries import evals, evals_pairs
from dashboard.tables import table
from dashboard.workspace import RunRef, Workspace
from evalkit.run.rows import label
from evalkit.run.said import right_answer
from workbench.errors import UserError

Row = dict[str, Any]
_RUNS = 40
_PROMPTS = 8
_OUTPUTS = 4


def show(here: Workspace, a: RunRef, b: RunRef, task: tuple[str, str], metric: str, item: str) -> None:
    """The item in both runs; a card where neither has it."""
    rows = [ask(evals_pairs.item, run, task=task, item=item).value for run in (a, b)]
    here_of = [row for row in rows if row is not None]
    if not here_of:
        cards.problem(f"{label(*task)} has no item '{item}' in these runs.", "choose a row above")
        return
    st.header("The item", anchor=False)
    first = here_of[0]
    place = f"{first['file']}:{first['line']}" if first["file"] else "-"
    about = [f"item {item}", f"from {place}"]
    about += [f"{name} {first[name]}" for name in ("group", "cluster") if first[name] is not None]
    texts.line(" · ".join(about), soft=True)
    for name, row in zip("AB", rows, strict=True):
        texts.line(f"{name}: {_state(row)}")
    key = texts.key_of("evals-item", a.id, b.id, *task, item)
    _prompts(rows, key)
    if first["choices"] and any(row["logprobs"] for row in here_of):
        _choices(rows)
    _outputs(rows, key)
    if right := right_answer(first):
        st.caption("Right answer")
        texts.in_parts(right, label="The right answer", key=f"{key}-right")
    _scores(rows)
    with cards.guarded():
        _read(here, (a, b), task, item)
    with st.expander("This item in all runs", key="ehistory", on_change="rerun") as opened:
        if opened.open:
            _history(here, task, metric, item)


def _state(row: Row | None) -> str:
    if row is None:
        return "does not have this item"
    parts = [row["state"] if row["reason"] is None else f"{row['state']}: {row['reason']}"]
    if row["shots"]:
        parts.append(f"{row['shots']} examples before it")
    if row["dropped"] or row["cut"]:
        parts.append(f"shortened: {row['dropped']} examples left out, {row['cut']} tokens cut")
    return ", ".join(parts)


def _prompts(rows: list[Row | None], key: str) -> None:
    prompts = [row["prompts"] or [] if row is not None else [] for row in rows]
    if prompts[0] == prompts[1] or not all(prompts):
        _texts_of(prompts[0] or prompts[1], "What both were asked" if all(prompts) else "What was asked", key)
        return
    texts.line("A and B were asked differently.", strong=True)
    for column, name, found in zip(st.columns(2), "AB", prompts, strict=True):
        with column:
            _texts_of(found, f"What {name} was asked", f"{key}-{name}")


def _texts_of(prompts: list[str], title: str, key: str) -> None:
    for number, prompt in enumerate(prompts[:_PROMPTS]):
        named = title if len(prompts) == 1 else f"{title}, choice {number}"
        st.caption(texts.label(named))
        texts.in_parts(prompt, label=named, key=f"{key}-{number}")
    if len(prompts) > _PROMPTS:
        texts.line(f"The first {_PROMPTS} of {len(prompts):,} prompts.", soft=True)


def _choices(rows: list[Row | None]) -> None:
    """Every choice with the log-likelihoods of both models."""
    import polars as pl

    first = next(row for row in rows if row is not None)
    frame: dict[str, list[Any]] = {
        "choice": list(first["choices"]),
        "right": ["right" if place in (first["gold"] or []) else "" for place in range(len(first["choices"]))],
    }
    for name, row in zip("AB", rows, strict=True):
        if row is None or not row["logprobs"] or len(row["logprobs"]) != len(first["choices"]):
            continue
        frame[f"{name} took"] = ["taken" if place == row["predicted"] else "" for place in range(len(row["choices"]))]
        frame[f"log p of {name}"] = list(row["logprobs"])
        frame[f"a character, {name}"] = [
            None if value is None else value / max(chars, 1)
            for value, chars in zip(row["logprobs"], row["chars"], strict=True)
        ]
        if row["unconditional"]:
            frame[f"alone, {name}"] = list(row["unconditional"])
    took = " and ".join(f"{name} took choice {row['predicted']}" for name, row in zip("AB", rows, strict=True) if row)
    st.caption("Choices and their log-likelihoods, in nats")
    table(
        pl.DataFrame(frame, strict=False),
        alt=f"{len(first['choices'])} choices with log-likelihoods; {took}",
        columns={
            name: st.column_config.NumberColumn(name, format="%.3f") for name in frame if "log p" in name or "," in name
        },
        key="evals-choices",
    )


def _outputs(rows: list[Row | None], key: str) -> None:
    """What both wrote, word by word."""
    written = [row["outputs"] or [] if row is not None else [] for row in rows]
    if not any(written):
        return
    for number in range(min(_OUTPUTS, max(map(len, written)))):
        left, right = (each[number] if number < len(each) else "" for each in written)
        st.caption(f"Output {number + 1:,}")
        found = aligned(left, right, ("A", "B"))
        texts.show(found.markup)
        if not found.whole:
            texts.line("These outputs are too long to be compared whole; here they are one by one.", soft=True)
            for name, text in (("A", left), ("B", right)):
                texts.in_parts(text, label=f"Output {number + 1} of {name}", key=f"{key}-output-{number}-{name}")
    if max(map(len, written)) > _OUTPUTS:
        texts.line(f"The first {_OUTPUTS} of {max(map(len, written)):,} outputs.", soft=True)
    for name, row in zip("AB", rows, strict=True):
        if row is not None and row["outputs"]:
            ends = ", ".join(dict.fromkeys(map(str, row["ended"] or [])))
            answer = "nothing" if row["extracted"] is None else f"'{row['extracted']}'"
            texts.line(f"{name}: taken for the answer: {answer}; ended by: {ends or 'unknown'}")


def _scores(rows: list[Row | None]) -> None:
    import polars as pl

    scores = [row["scores"] if row is not None else {} for row in rows]
    names = list(dict.fromkeys([*scores[0], *scores[1]]))
    if not names:
        return
    frame = pl.DataFrame(
        {"metric": names, "A": [scores[0].get(n) for n in names], "B": [scores[1].get(n) for n in names]}, strict=False
    )
    table(
        frame,
        alt=f"{len(names)} metrics of this item in both runs",
        columns={name: st.column_config.NumberColumn(name, format="%.4g") for name in "AB"},
        key="evals-item-scores",
    )


def _read(here: Workspace, runs: tuple[RunRef, RunRef], task: tuple[str, str], item: str) -> None:
    """Whether the item stands in what the models were trained on, as far as that was looked for."""
    for name, run in zip("AB", runs, strict=True):
        known = next((one for one in here.of(evals.KNOWN) if one.readable and run.id in one.parents), None)
        found = None if known is None else ask(evals_pairs.reading, known, task=task[0], item=item).value
        if found is None:
            continue
        sets = {"dirty": "found in what the model has read", "clean": "not found in what the model has read"}
        said = sets.get(found["set"], "too short to be looked for")
        times = (
            f"; read {found['reads']:.1f} times, {found['documents']:,} documents" if found["set"] == "dirty" else ""
        )
        texts.line(f"{name}: {said}{times}.", soft=True)


def _history(here: Workspace, task: tuple[str, str], metric: str, item: str) -> None:
    import polars as pl

    parts, runs = [], [run for run in here.of(evals.KIND) if run.readable]
    for run in runs[:_RUNS]:
        try:
            if task[0] in set(ask(evals.scores, run).value["task"]):
                part = ask(evals_pairs.history, run, task=task, metric=metric, item=item).value
                parts.append(part.select(pl.lit(run.id).alias("run"), pl.all()))
        except UserError as error:
            cards.failed(error)
    frame = pl.concat(parts) if parts else None
    if frame is None or not frame.height:
        texts.line("No other run has this item.", soft=True)
        return
    table(frame.head(200), alt=f"{metric} of the item in {frame['run'].n_unique()} runs", key="evals-history")
    if len(runs) > _RUNS:
        texts.line(f"The newest {_RUNS} of {len(runs):,} runs.", soft=True)
