"""What a model wrote while it was trained: samples, and the rollouts of reinforcement learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.source import Source, column

if TYPE_CHECKING:
    import polars as pl

SAMPLES, ROLLOUTS = "samples", "rollouts"
LONGEST = 20_000
"""Characters of a text that are shown."""
ORDERS = {
    "worst score": "score ASC",
    "best score": "score DESC",
    "largest KL": "kl DESC",
    "as written": "prompt_id, sample",
}


def sample_steps(source: Source) -> list[int]:
    """The steps after which the model wrote samples."""
    if not source.has(SAMPLES):
        return []
    return list(source.query("SELECT DISTINCT step FROM {samples} ORDER BY step")["step"])


def samples(source: Source, step: int, limit: int = 8) -> pl.DataFrame:
    """What was written after a step: prompt, text, and how long the text is."""
    return source.query(
        "SELECT left(prompt, $longest) AS prompt, left(text, $longest) AS text, length(text) AS chars FROM {samples} "
        "WHERE step = $step LIMIT $rows",
        step=step,
        longest=LONGEST,
        rows=limit,
    )


def rollout_files(source: Source) -> dict[int, str]:
    """The stored rollouts by the optimizer step that they were sampled before: their files."""
    found = {}
    for path in sorted((source.run.path / ROLLOUTS).glob("step-*.parquet")):
        number = path.stem.removeprefix("step-")
        if number.isascii() and number.isdigit():
            found[int(number)] = path.name
    return found


def rollouts(source: Source, file: str, order: str, limit: int, offset: int) -> pl.DataFrame:
    """A page of the responses of one of `rollout_files`: the row's keys, the beginnings of prompt and response, score
    with its parts, KL to the reference (nats a response), advantage (mean over the tokens).

    order: one of `ORDERS`.
    """
    source = source.reading(ROLLOUTS, [file])
    parts = [name for name in source.columns(ROLLOUTS) if name.startswith("part.")]
    numbers = "".join(f", {column(name)} AS {column('reward ' + name.removeprefix('part.'))}" for name in parts)
    ranked = ORDERS.get(order, ORDERS["worst score"])
    return source.query(
        "SELECT prompt_id, sample, left(prompt, 120) AS prompt, left(response, 200) AS response, "  # noqa: S608
        f"score{numbers}, kl, advantage, reason FROM {{rollouts}} ORDER BY {ranked}, prompt_id, sample "
        "LIMIT $rows OFFSET $begin",
        rows=limit,
        begin=offset,
    )


def rollout_count(source: Source, file: str) -> int:
    """The responses of a rollout."""
    return int(source.reading(ROLLOUTS, [file]).query("SELECT count(*) FROM {rollouts}")[0, 0])


def rollout(source: Source, file: str, prompt_id: str, sample: int) -> pl.DataFrame:
    """One response whole: prompt, response, tokens; no row where there is none."""
    return source.reading(ROLLOUTS, [file]).query(
        "SELECT left(prompt, $longest) AS prompt, left(response, $longest) AS response, "
        "len(prompt_ids) AS prompt_tokens, len(ids) AS tokens FROM {rollouts} "
        "WHERE prompt_id = $prompt_id AND sample = $sample LIMIT 1",
        longest=LONGEST,
        prompt_id=prompt_id,
        sample=sample,
    )
