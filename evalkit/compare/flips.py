"""The items that tell two runs apart, with what each model said."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from evalkit.compare.runs import Compared, of_task
from evalkit.run.rows import ITEMS, SCORES
from evalkit.run.said import answer, question, right_answer


class Flip(NamedTuple):
    """One item on which the runs differ. gained: whether B is the better one. a, b: what each said. right: the right
    answers, where there are any. prompt: the last line of what was asked."""

    label: str
    item: str
    gained: bool
    a: str
    b: str
    right: str
    prompt: str


def flips(a: Path, b: Path, row: Compared, count: int) -> list[Flip]:
    """At most `count` items each way, those with the largest difference first, by id among equals."""
    import polars as pl

    name = (row.task, row.preset)
    left, right = (
        of_task(run, SCORES, name).filter(pl.col("metric") == row.metric).select("item", "value") for run in (a, b)
    )
    sign = -1 if row.better == "lower" else 1
    joined = left.join(right, on="item", suffix="_b").with_columns(gain=sign * (pl.col("value_b") - pl.col("value")))
    different = (
        joined.filter(pl.col("gain") != 0).sort(pl.col("gain").abs(), "item", descending=[True, False]).collect()
    )
    chosen = pl.concat(
        [different.filter(pl.col("gain") > 0).head(count), different.filter(pl.col("gain") < 0).head(count)]
    )
    columns = ["item", "prompts", "choices", "gold", "answers", "outputs", "extracted", "predicted"]
    ids = chosen["item"].to_list()
    said = [
        {
            one["item"]: one
            for one in of_task(run, ITEMS, name).filter(pl.col("item").is_in(ids)).select(columns).collect().to_dicts()
        }
        for run in (a, b)
    ]
    return [
        Flip(
            row.label,
            one["item"],
            one["gain"] > 0,
            answer(said[0][one["item"]]),
            answer(said[1][one["item"]]),
            right_answer(said[0][one["item"]]),
            question(said[0][one["item"]]),
        )
        for one in chosen.to_dicts()
    ]
