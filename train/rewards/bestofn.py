"""Best of n: draw n responses to a prompt and keep the one with the highest reward.

The simplest use of a reward, so every trained policy is compared with it. Kept responses are data for `train sft`
(rejection sampling), and all of them with their scores for `train reward` and `train dpo`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from train.generate import Sampler
from train.open import Opened
from train.rewards.types import Floats, Prompt, Reward, checked, shown
from train.sampler import Params
from workbench.errors import UserError


class Drawn(NamedTuple):
    """n responses to each prompt, and what the reward says of them.

    scores: [prompts, n], parts by name alike. dropped: prompts without room in the context, as they begin.
    """

    prompts: list[Prompt]
    responses: list[list[str]]
    scores: Floats
    parts: dict[str, Floats]
    tokens: int
    dropped: list[str]

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


def draw(
    opened: Opened,
    prompts: Sequence[Prompt],
    reward: Reward,
    params: Params,
    *,
    n: int,
    seed: int = 0,
    chat: bool = True,
    rows: int = 64,
) -> Drawn:
    """Draw and score. chat: prompts are a user's turns; else texts to go on from.

    Raises UserError where no prompt fits into the context, and as `checked` does.
    """
    sampler = Sampler(opened.model, opened.tokenizer, end_ids=opened.end_ids, rows=rows)
    if chat:
        params = replace(params, stop_ids=(*params.stop_ids, *opened.chat_ends()))
    kept: list[Prompt] = []
    ids: list[list[int]] = []
    dropped: list[str] = []
    for prompt in prompts:
        one = _ids(opened, prompt, chat)
        try:
            sampler.check(one, params)
        except UserError:
            dropped.append(shown(prompt))
            continue
        kept.append(prompt)
        ids.append(one)
    if not kept:
        hint = f"the model's context is {sampler.context:,} tokens"
        raise UserError(f"none of {len(prompts):,} prompts can be answered", hint=hint)
    done = sampler.generate(ids, params, seed=seed, n=n)
    texts = [one.text for one in done]
    found = checked(reward, [prompt for prompt in kept for _ in range(n)], texts)
    shape = (len(kept), n)
    return Drawn(
        kept,
        [texts[place : place + n] for place in range(0, len(texts), n)],
        found.total.reshape(shape),
        {name: values.reshape(shape) for name, values in found.parts.items()},
        sum(len(one.ids) for one in done),
        dropped,
    )


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
