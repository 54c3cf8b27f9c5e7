"""Writing the tables of an evaluation: the answers of every item, scored, in the order of the data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.extract.text import scalars as text
from evalkit.models.types import Generated, Likelihood, Pair, Rolled
from evalkit.run.ask import Asker, Failed
from evalkit.run.keys import Continued, Request, evaluation_key, text_digest
from evalkit.run.plan import Planned
from evalkit.run.rows import ITEMS, SCORES, items_schema, scores_schema
from evalkit.run.store import Answer
from evalkit.tasks import Scored, score
from evalkit.tasks.tools import Tools
from workbench.files import Written
from workbench.tables import ShardWriter

SCORER = 1
"""Raised when the code changes what an answer is worth."""
_ROWS = 1000


def write_tables(out: Path, planned: Sequence[Planned], asker: Asker, tools: Tools) -> list[Written]:
    """`items/` and `scores/` under `out`, from answers that are all there; the files written, relative to `out`."""
    import pyarrow as pa

    written = []
    with (
        ShardWriter(out / ITEMS, items_schema()) as items,
        ShardWriter(out / SCORES, scores_schema()) as scores,
    ):
        for one in planned:
            for batch in _batches(one, asker, tools):
                items.append(pa.Table.from_pylist([row for row, _ in batch], items_schema()))
                scores.append(pa.Table.from_pylist([row for _, rows in batch for row in rows], scores_schema()))
    for writer in (items, scores):
        written += [file._replace(path=f"{writer.directory.name}/{file.path}") for file in writer.written]
    return written


Made = tuple[dict[str, Any], list[dict[str, Any]]]


def _batches(planned: Planned, asker: Asker, tools: Tools) -> Iterator[list[Made]]:
    batch: list[Made] = []
    for number in range(len(planned.items)):
        batch.append(_item(planned, number, asker, tools))
        if len(batch) == _ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _item(planned: Planned, number: int, asker: Asker, tools: Tools) -> Made:
    task, item, rendered = planned.task, planned.items[number], planned.rendered[number]
    requests = planned.of_item(number)
    keys = [asker.key(request) for request in requests]
    answers = [_answer(asker, request, key) for request, key in zip(requests, keys, strict=True)]
    scored = score(task, item, rendered, answers, tools)
    named = {
        "task": task.name,
        "preset": task.preset,
        "item": item.id,
        "group": None if item.group is None else text(item.group),
        "cluster": None if item.cluster is None else text(item.cluster),
    }
    row = {
        **named,
        "evaluation": evaluation_key(planned.digest, SCORER, item.id, keys),
        "row": item.row,
        "file": text(item.file),
        "line": item.line,
        "state": scored.state,
        "reason": None if scored.reason is None else text(scored.reason),
        "shots": rendered.shots,
        "dropped": rendered.dropped,
        "prompt_hash": planned.prompt_hash(number),
        "prompts": [text(prompt) for prompt in _prompts(rendered.prompts, requests)],
        "choices": [text(choice) for choice in rendered.choices],
        "gold": list(item.gold),
        "answers": [text(answer) for answer in item.answers],
        "chars": list(rendered.chars),
        "bytes": list(rendered.sizes),
        "extracted": None if scored.extracted is None else text(scored.extracted),
        "predicted": scored.predicted,
        **_said(planned, number, answers),
        **_retrieved(planned, number),
    }
    return row, [{**named, **values} for values in _scores(scored)]


def _scores(scored: Scored) -> Iterator[dict[str, Any]]:
    if scored.state == "scored":
        for metric, value in scored.scores.items():
            yield {"metric": metric, "value": value, "weight": scored.weights.get(metric, 1.0)}


def _answer(asker: Asker, request: Request, key: str) -> Answer:
    """The answer; a failure as an answer with its error, which is how models tell of it."""
    found = asker.find(request, key)
    if not isinstance(found, Failed):
        return found
    if isinstance(request, Pair):
        return Likelihood(float("nan"), 0, False, error=found.error)
    if isinstance(request, Continued):
        return [Generated("", "", 0, error=found.error)]
    return Rolled(np.empty(0), np.empty(0, np.int64), error=found.error)


def _said(planned: Planned, number: int, answers: Sequence[Answer]) -> dict[str, Any]:
    """What came back, as columns; an answer that failed is null in its place."""
    asked = planned.rendered[number].asked
    choices, alone, outputs, cuts = list[Likelihood](), list[Likelihood](), list[Generated](), [0]
    tokens: list[int | None] = []
    for each, answer in zip(asked, answers, strict=True):
        if isinstance(answer, Likelihood):
            (choices if each.role == "choice" else alone).append(answer)
            cuts.append(answer.cut if answer.error is None else 0)
        elif isinstance(answer, list):
            outputs += [one for one in answer if one.error is None]
            cuts += [one.cut for one in answer]
            tokens = [one.tokens for one in outputs]
        else:
            tokens = [len(answer.logprobs)]
    if choices:
        tokens = [None if one.error is not None else one.tokens for one in choices]
    rolled = [one.total for one in answers if isinstance(one, Rolled)]
    return {
        "cut": max(cuts),
        "tokens": tokens,
        "logprobs": [None if one.error is not None else one.logprob for one in choices] or rolled,
        "unconditional": [None if one.error is not None else one.logprob for one in alone],
        "greedy": [None if one.error is not None else one.greedy for one in choices],
        "outputs": [text(one.text) for one in outputs],
        "ended": [one.reason for one in outputs],
    }


def _retrieved(planned: Planned, number: int) -> dict[str, Any]:
    """What was found for an item, as columns; its texts stand in the prompt, and here by their hash."""
    found = None if planned.retrieved is None else planned.retrieved[number]
    if found is None:
        return {}
    documents = [
        {
            "id": one.id,
            "url": None if one.url is None else text(one.url),
            "score": one.score,
            "sha256": text_digest(one.text),
            "chars": len(one.text),
            "used": place < found.used,
        }
        for place, one in enumerate(found.passages)
    ]
    return {"query": text(found.query), "retrieved": documents, "answer_in_context": found.answered}


def _prompts(prompts: Sequence[str], requests: Sequence[Request]) -> Sequence[str]:
    """The contexts of an item; a conversation as JSON."""
    said = [request.prompt.said for request in requests if isinstance(request, Continued)]
    return [json.dumps(list(map(dict, one))) for one in said if not isinstance(one, str)] or prompts
