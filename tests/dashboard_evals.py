"""Small evaluations for the tests of the dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from dashboard_runs import write_run

from evalkit.run.rows import items_schema, scores_schema
from evalkit.run.summarise import estimates, groups, tally
from workbench.runs import Run

HOSTILE = "<script>alert(1)</script> :red[x] \u202e"


def write_eval(root: Path, name: str, tasks: Mapping[str, Sequence[float | None]], model: str = "m") -> Run:
    """An evaluation named `name`: of each task (`task@preset`) the items' `acc`; None for an item that failed.

    Item 0 of every task is called `item0`, and so on; odd ones are of the group `odd`. Prompts get longer. The task
    `writing` has outputs, the others have choices.
    """
    items, scores = [], []
    for label, values in tasks.items():
        task, _, preset = label.partition("@")
        for number, value in enumerate(values):
            about = {"task": task, "preset": preset or "default", "item": f"item{number}"}
            group = {"group": "odd" if number % 2 else "even", "cluster": None}
            items.append({**about, **group, **_item(number, value, written=task == "writing")})
            if value is not None:
                scores.append({**about, **group, "metric": "acc", "value": value, "weight": 1.0})
                scores.append({**about, **group, "metric": "brier", "value": 1 - value, "weight": 1.0})
    both = [
        pl.DataFrame(rows, pl.DataFrame(schema.empty_table()).schema) for rows, schema in _with_schemas(items, scores)
    ]
    summary = {
        "schema": "evalkit.summary/1",
        "model": {"name": model, "digest": "d", "context": 8},
        "tasks": [_task(label, *both) for label in tasks],
        "averages": None,
    }
    return write_run(root, name, "eval", {"items": both[0], "scores": both[1]}, {"summary.json": summary})


def _with_schemas(items: list[dict[str, Any]], scores: list[dict[str, Any]]) -> Any:
    return ((items, items_schema()), (scores, scores_schema()))


def _item(number: int, value: float | None, *, written: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"state": "scored", "predicted": int(value == 1), "logprobs": [-2.0, -1.0 - number]}
    if value is None:
        said = {"state": "failed", "reason": HOSTILE}
    prompt = f"Question {number}? {HOSTILE}" + "x" * number
    about = {
        "row": number,
        "file": "t.jsonl",
        "line": number + 1,
        "shots": 0,
        "dropped": 0,
        "cut": 0,
        "prompt_hash": f"h{number}",
    }
    lists: dict[str, Any] = {name: [] for name in ("answers", "unconditional", "outputs", "ended", "retrieved")}
    choices = {"choices": ["no", "yes"], "gold": [1], "chars": [2, 3], "bytes": [2, 3], "tokens": [1, 1]}
    row = {**about, "prompts": [prompt], **choices, **lists, "greedy": [False, False], "logprobs": [], **said}
    if written:
        output = f"The answer is {value}, {HOSTILE}"
        text = {"outputs": [output], "ended": ["stop"], "extracted": str(value), "answers": [HOSTILE]}
        row |= {**text, "choices": [], "gold": [], "logprobs": [], "predicted": None}
    return row


def _task(label: str, items: pl.DataFrame, scores: pl.DataFrame) -> dict[str, Any]:
    name, _, preset = label.partition("@")
    here = {"task": name, "preset": preset or "default"}
    own = scores.filter(**here)
    return {
        **here,
        **tally(items.filter(**here)),
        "beside": None,
        "digest": "d",
        "version": 1,
        "average": "micro",
        "seen_in_training": [],
        "metrics": estimates(own),
        "groups": groups(own),
    }
