"""Best of n: draw n responses to a prompt and keep the one with the highest reward, as a run that goes on where it was
killed.

The simplest use of a reward, so every trained policy is compared with it. Kept responses are data for `train sft`
(rejection sampling), and all of them with their scores for `train reward` and `train dpo`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xxhash

from train.ask import once
from train.data.chat import record
from train.generate import Sampler
from train.open import Opened
from train.rewards.cut import WithoutEnd, without_end
from train.rewards.types import Floats, Prompt, Reward, checked, shown
from train.sampler import Params
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.files import remove, write_text
from workbench.manifest import Input
from workbench.runs import Run
from workbench.yamltree import dump

KIND = "train.bestofn"
BEST, REPORT = "best.jsonl", "report.json"
VERSION = 1  # raised when the code changes what is written
_NAMED = 3


@dataclass(frozen=True)
class Settings:
    """What is drawn and kept.

    n: responses to each prompt. chat: prompts are a user's turns; else texts to go on from. rows: sequences at a time.
    without_end: the score of responses that were cut off. at_least: prompts whose best response scores less are kept
    out of the file.
    """

    n: int
    seed: int = 0
    chat: bool = True
    rows: int = 64
    without_end: WithoutEnd = "lowest"
    at_least: float = -math.inf


class Drawn(NamedTuple):
    """n responses to each prompt, and what the reward says of them.

    scores: [prompts, n], parts by name alike.
    """

    prompts: list[Prompt]
    responses: list[list[str]]
    scores: Floats
    parts: dict[str, Floats]

    @property
    def best(self) -> list[int]:
        """The number of each prompt's best response, the first of equals."""
        return [int(place) for place in self.scores.argmax(1)]

    def rows(self, at_least: float = -math.inf) -> list[dict[str, Any]]:
        """JSON-able rows of the prompts whose best response has `at_least` that score.

        `prompt` with `response` (for a conversation `messages`) is read by `train sft`; `prompt` with `responses` and
        `scores` by `train reward` and `train dpo`.
        """
        found = []
        for number, (prompt, best) in enumerate(zip(self.prompts, self.best, strict=True)):
            if self.scores[number, best] < at_least:
                continue
            response = self.responses[number][best]
            row: dict[str, Any] = {"prompt": prompt, "response": response, "score": float(self.scores[number, best])}
            if not isinstance(prompt, str):
                row["messages"] = [*prompt, {"role": "assistant", "content": response}]
            row |= {"best": best, "responses": self.responses[number], "scores": self.scores[number].tolist()}
            found.append(row | {"parts": {name: values[number].tolist() for name, values in self.parts.items()}})
        return found


def make(
    opened: Opened,
    prompts: Sequence[Prompt],
    reward: Reward,
    params: Params,
    settings: Settings,
    root: Path,
    *,
    named: str = "",
    resume: bool = True,
    force: bool = False,
    listener: Listener = lambda event: None,
) -> tuple[Run, dict[str, Any]]:
    """The run with `best.jsonl` and `report.json`, and the report; a killed one goes on to the same bytes.

    Prompts of like length are drawn together, `rows` sequences at a time, and each such unit is stored with its scores
    before the next one is begun. named: the file of the prompts, for the manifest. Raises UserError where no prompt
    fits into the context, and as `checked` does.
    """
    form = record(opened.tokenizer, opened.form) if settings.chat and opened.form is not None else None
    asked = xxhash.xxh3_128_hexdigest(json.dumps(list(prompts), default=list).encode())
    weights = next(opened.model.parameters())
    if settings.chat:
        params = replace(params, stop_ids=(*params.stop_ids, *opened.chat_ends()))
    values = {
        "bestofn": {"version": VERSION, **asdict(settings), "at_least": str(settings.at_least)},
        "params": {name: list(each) if isinstance(each, tuple) else each for name, each in asdict(params).items()},
        "prompts": asked,
        "model": [opened.digest, opened.tokenizer.digest, str(weights.dtype), weights.device.type],
        "template": None if form is None else form.template or form.jinja,
        "reward": reward.digest,
    }
    run = Run.create(None, KIND, dump(values), root=root, resume=resume, force=force)
    with run:
        if not run.is_finished:
            _write(run, opened, prompts, reward, params, settings, Input(path=named, bytes=0, digest=asked), listener)
        report: dict[str, Any] = json.loads((run.path / REPORT).read_bytes())
        return run, report


def _write(
    run: Run,
    opened: Opened,
    prompts: Sequence[Prompt],
    reward: Reward,
    params: Params,
    settings: Settings,
    source: Input,
    listener: Listener,
) -> None:
    began, n = time.monotonic(), settings.n
    sampler = Sampler(opened.model, opened.tokenizer, end_ids=opened.end_ids, rows=settings.rows)
    kept, ids, dropped = _fitting(opened, sampler, prompts, params, settings)
    order = sorted(range(len(kept)), key=lambda place: (len(ids[place]), place))
    size = max(1, settings.rows // n)
    units = [order[begin : begin + size] for begin in range(0, len(order), size)]
    found: dict[int, dict[str, Any]] = {}

    def unit(places: Sequence[int]) -> dict[str, Any]:
        done = sampler.generate([ids[place] for place in places], params, seed=settings.seed, n=n)
        texts = [one.text for one in done]
        scores = checked(reward, [kept[place] for place in places for _ in range(n)], texts)
        tokens = [len(one.ids) for one in done]
        ended = [one.reason != "length" for one in done]
        parts = {name: values.tolist() for name, values in scores.parts.items()}
        return {"texts": texts, "ended": ended, "tokens": tokens, "scores": scores.total.tolist(), "parts": parts}

    for number, places in enumerate(units):
        told = once(run.path / "units" / f"{number:06d}.json", lambda: unit(places))  # noqa: B023
        for index, place in enumerate(places):
            some = slice(index * n, (index + 1) * n)
            own = {name: values[some] for name, values in told.items() if name != "parts"}
            found[place] = own | {"parts": {name: values[some] for name, values in told["parts"].items()}}
        counts = {"prompts": len(found), "responses": len(found) * n}
        listener(Event("progress", "drawing", counts=counts, fraction=(number + 1) / len(units)))
    each = [found[place] for place in range(len(kept))]
    ended = [one for row in each for one in row["ended"]]
    said = np.array([row["scores"] for row in each], np.float64)
    parts = {name: np.array([row["parts"][name] for row in each], np.float64) for name in each[0]["parts"]}
    scores = without_end(said, ended, settings.without_end)
    drawn = Drawn(kept, [row["texts"] for row in each], scores, parts)
    rows = drawn.rows(settings.at_least)
    write_text(run.path / BEST, "".join(json.dumps(row, default=list) + "\n" for row in rows))
    points = curve(scores)
    report = {
        "model": str(opened.directory),
        "digest": opened.digest,
        "reward_digest": reward.digest,
        "n": n,
        "reward": points[-1].reward,
        "interval": points[-1].interval,
        "kl": points[-1].kl,
        "curve": [point._asdict() for point in points],
        "parts": {name: float(values.mean()) for name, values in parts.items()},
        "prompts": len(kept),
        "dropped": len(dropped),
        "dropped_first": dropped[:_NAMED],
        "kept": len(rows),
        "ended": float(np.mean(ended)),
        "tokens": sum(sum(row["tokens"]) for row in each),
    }
    write_text(run.path / REPORT, json.dumps(report, indent=2) + "\n")
    run.finish(
        counts={"prompts": len(kept), "dropped": len(dropped), "kept": len(rows), "responses": len(ended)},
        timings={"total": round(time.monotonic() - began, 3)},
        inputs=[source],
    )
    remove(run.path / "units")


def _fitting(
    opened: Opened, sampler: Sampler, prompts: Sequence[Prompt], params: Params, settings: Settings
) -> tuple[list[Prompt], list[list[int]], list[str]]:
    """The prompts with room in the context, their tokens, and how the others begin."""
    kept: list[Prompt] = []
    ids: list[list[int]] = []
    dropped: list[str] = []
    for prompt in prompts:
        one = _ids(opened, prompt, settings.chat)
        try:
            sampler.check(one, params)
        except UserError:
            dropped.append(shown(prompt))
            continue
        kept.append(prompt)
        ids.append(one)
    if not prompts:
        raise UserError("there are no prompts", hint="a file with a row a prompt", code=Exit.INPUT)
    if not kept:
        hint = f"the model's context is {sampler.context:,} tokens"
        raise UserError(f"none of {len(prompts):,} prompts can be answered", hint=hint)
    return kept, ids, dropped


def _ids(opened: Opened, prompt: Prompt, chat: bool) -> list[int]:
    if chat:
        return opened.chat_prompt([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt)
    if not isinstance(prompt, str):
        raise UserError("a conversation is no text to go on from", hint="leave out --text")
    return opened.text_prompt(prompt)


def kl_bound(n: int) -> float:
    """At most so many nats the best of n is from the policy: log n - (n - 1) / n (Stiennon et al. 2020, appendix G.3;
    that it is a bound: Beirami et al. 2024)."""
    return math.log(n) - (n - 1) / n


class Point(NamedTuple):
    """The expected reward of the best of n, with the half-width of its 95 % interval over prompts."""

    n: int
    reward: float
    interval: float | None
    kl: float


def curve(scores: Floats) -> list[Point]:
    """The points at 1, 2, 4 ... and N of scores [prompts, N].

    Unbiased: the mean of the maximum over all subsets of n of the N scores (Nakano et al. 2021, appendix I), which is
    the sum of r_(i) C(i-1, n-1) / C(N, n) over the sorted scores.
    """
    drawn = scores.shape[1]
    sizes = sorted({2**power for power in range(drawn.bit_length()) if 2**power <= drawn} | {drawn})
    ordered = np.sort(scores, 1)
    found = []
    for n in sizes:
        weights = np.array([math.comb(place, n - 1) / math.comb(drawn, n) for place in range(drawn)])
        each = ordered @ weights
        spread = 1.96 * float(each.std(ddof=1)) / math.sqrt(len(each)) if len(each) > 1 else None
        found.append(Point(n, float(each.mean()), spread, kl_bound(n)))
    return found
