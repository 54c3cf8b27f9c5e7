"""The tables of an evaluation: one row an item, and one row a score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import Exit, UserError
from workbench.tables import read_tables

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

ITEMS, SCORES, SUMMARY = "items", "scores", "summary.json"
SCHEMA = "evalkit.summary/1"


def items_schema() -> pa.Schema:
    """`items/`: what was asked about an item, what came back, and what was made of it.

    item: its id, the same under every preset. evaluation: the key by which equal evaluations are known. row, file,
    line: where it stood. state: `scored`; `failed`, and why in `reason`: it could not be asked, or the model gave no
    answer; `unscored`: the answer is none that could be judged. shots: examples before it. prompts: one, or one for
    each choice where they differ; a conversation as JSON. logprobs, tokens, greedy: of each choice; unconditional: its
    log-probability in the task's neutral context. outputs, ended: the texts written and why each ended. extracted: of
    an output, what was taken for the answer. predicted: the choice taken, by its index. cut:
    tokens that were left out of the longest prompt at its beginning. dropped: examples left out to make it fit.
    query, retrieved: what was looked for in a corpus, and what was found, the nearest first; `used` is what stands in
    the prompt. answer_in_context: whether a right answer stands in that, word for word.
    """
    import pyarrow as pa

    document = [("id", pa.string()), ("url", pa.string()), ("score", pa.float64()), ("sha256", pa.string())]
    document += [("chars", pa.int64()), ("used", pa.bool_())]
    texts, numbers, floats = pa.list_(pa.string()), pa.list_(pa.int64()), pa.list_(pa.float64())
    return pa.schema(
        [
            ("task", pa.string()),
            ("preset", pa.string()),
            ("item", pa.string()),
            ("evaluation", pa.string()),
            ("row", pa.int64()),
            ("file", pa.string()),
            ("line", pa.int64()),
            ("group", pa.string()),
            ("cluster", pa.string()),
            ("state", pa.string()),
            ("reason", pa.string()),
            ("shots", pa.int64()),
            ("dropped", pa.int64()),
            ("cut", pa.int64()),
            ("prompt_hash", pa.string()),
            ("prompts", texts),
            ("choices", texts),
            ("gold", numbers),
            ("answers", texts),
            ("chars", numbers),
            ("bytes", numbers),
            ("tokens", numbers),
            ("logprobs", floats),
            ("unconditional", floats),
            ("greedy", pa.list_(pa.bool_())),
            ("outputs", texts),
            ("ended", texts),
            ("extracted", pa.string()),
            ("predicted", pa.int64()),
            ("query", pa.string()),
            ("retrieved", pa.list_(pa.struct(document))),
            ("answer_in_context", pa.bool_()),
        ]
    )


def scores_schema() -> pa.Schema:
    """`scores/`: value of a metric on an item; weight: its denominator, where a metric is a ratio of sums, else 1."""
    import pyarrow as pa

    names = ("task", "preset", "item", "group", "cluster", "metric")
    return pa.schema([*((name, pa.string()) for name in names), ("value", pa.float64()), ("weight", pa.float64())])


def label(task: str, preset: str) -> str:
    """`mmlu@helm`, or `mmlu` under the default preset."""
    return task if preset == "default" else f"{task}@{preset}"


def read_rows(run: Path, table: str) -> pl.LazyFrame:
    """`items` or `scores` of a run."""
    return read_tables(run / table)


def read_summary(run: Path) -> dict[str, Any]:
    """`summary.json` of a finished run. UserError (exit 4) where there is none of this version."""
    import json

    try:
        summary: dict[str, Any] = json.loads((run / SUMMARY).read_bytes())
        if summary["schema"] != SCHEMA:
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError):
        hint = "let `evalkit run` finish; other kinds of run have no scores"
        raise UserError(f"{run} holds no finished evaluation", hint=hint, code=Exit.INPUT) from None
    return summary
