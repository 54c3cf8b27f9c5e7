"""A small arena for the tests of the dashboard."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from dashboard_runs import write_run

from workbench.runs import Run

MODELS = ("Quartz-Seven", "<b>Onyx-Nine</b>", "Pearl_Two")


def write_arena(root: Path, name: str = "match", *, pairs: int = 30, gold: int = 2) -> Run:
    """An arena of `pairs` pairs of three models whose answers name their writers, and `gold` pairs of known worth."""
    rows = []
    for number in range(pairs):
        first, second = MODELS[number % 3], MODELS[(number + 1) % 3]
        outputs = {
            "output_a": f"I am {first}: yes, {number}.",
            "output_b": f"No, {number}. <img src=x onerror=alert(1)>",
        }
        rows.append(
            {"id": f"pair{number:02}", "prompt": f"Question {number}?", "model_a": first, "model_b": second, **outputs}
        )
    known = [
        {"id": f"gold{n}", "prompt": f"Check {n}?", "output_a": "Right.", "output_b": "Wrong.", "better": "a"}
        for n in range(gold)
    ]
    tables = {"pairs": pl.DataFrame(rows), **({"gold": pl.DataFrame(known)} if gold else {})}
    return write_run(root, name, "arena", tables, counts={"pairs": pairs, "models": 3})
