"""Rewards made of others: people's scores, a trained model, a comparison with a baseline, weighted sums."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from train.reward.scorer import Scorer
from train.rewards.files import scores
from train.rewards.settings import Human
from train.rewards.types import Prompt, PromptError, Reward, Scores, key
from workbench.errors import Exit, UserError
from workbench.files import write_text


class ModelReward:
    """The scores of a trained reward model. It reads text by its own tokenizer and chat template, whatever the policy's
    are; so what fits into the policy's context may not fit into its own."""

    def __init__(self, name: str, digest: str, scorer: Scorer) -> None:
        self.name, self.digest, self.scorer = name, digest, scorer

    def __call__(self, prompts: Sequence[Prompt], responses: Sequence[str]) -> Scores:
        """The scores, the mean of an ensemble. Where prompt and response are longer than the context, the beginning is
        left out, and the part `too_long` is 1: a policy that is cut off there could not be trained otherwise."""
        ids, context = self.scorer.ids(prompts, responses), self.scorer.context
        found = self.scorer.score_ids([one[-context:] for one in ids]).double().mean(-1).numpy()
        return Scores(found, {"too_long": np.array([len(one) > context for one in ids], np.float64)})

    def close(self) -> None:
        """Nothing is held but memory."""


class HumanReward:
    """What people said of exactly these responses."""

    def __init__(self, name: str, digest: str, settings: Human, path: Path) -> None:
        self.name, self.digest, self._otherwise, self._path = name, digest, settings.otherwise, path
        given: defaultdict[str, list[float]] = defaultdict(list)
        for place, score in scores(path):
            given[place].append(score)
        self._scores = {place: fmean(values) for place, values in given.items()}

    def __call__(self, prompts: Sequence[Prompt], responses: Sequence[str]) -> Scores:
        """The mean over raters. UserError where scores are missing, after writing what is still to be scored."""
        keys = [key(prompt, response) for prompt, response in zip(prompts, responses, strict=True)]
        missing = [place for place, name in enumerate(keys) if name not in self._scores]
        if missing and self._otherwise is None:
            wanted = self._path.with_name(f"{self._path.name}.wanted.jsonl")
            rows: dict[str, dict[str, Any]] = {
                keys[place]: {
                    "key": keys[place],
                    "prompt": prompts[place],
                    "response": responses[place],
                    "score": None,
                }
                for place in missing
            }
            lines = [json.dumps(row, default=list) + "\n" for row in rows.values()]
            write_text(wanted, "".join(lines))
            message = f"{len(rows):,} responses have no score in {self._path}"
            hint = f"fill in {wanted} and append it, or give them a score with otherwise:"
            raise UserError(message, hint=hint, code=Exit.INPUT)
        default = 0.0 if self._otherwise is None else self._otherwise
        return Scores(np.array([self._scores.get(name, default) for name in keys], np.float64), {})

    def close(self) -> None:
        """Nothing is held."""


class BaselineReward:
    """The sign of how much better a response is than the baseline's answer to the same prompt."""

    def __init__(
        self, name: str, digest: str, reward: Reward, answers: Mapping[str, Sequence[str]], equal: float
    ) -> None:
        self.name, self.digest, self.reward, self._answers, self._equal = name, digest, reward, answers, equal

    def __call__(self, prompts: Sequence[Prompt], responses: Sequence[str]) -> Scores:
        """+1, -1, or what equals get; the own scores of both are parts. PromptError where there is no baseline."""
        others = baselines(self._answers, prompts)
        both = self.reward([*prompts, *prompts], [*responses, *others]).total
        own, other = both[: len(responses)], both[len(responses) :]
        better = np.sign(own - other)  # a score that is no number stays none
        return Scores(np.where(better == 0, self._equal, better), {"response": own, "baseline": other})

    def close(self) -> None:
        """Close the reward that compares."""
        self.reward.close()


def baselines(answers: Mapping[str, Sequence[str]], prompts: Sequence[Prompt]) -> list[str]:
    """The baseline's answer to each prompt; PromptError where there is none."""
    found = []
    for place, prompt in enumerate(prompts):
        known = answers.get(key(prompt))
        if known is None:
            raise PromptError(place, "the baseline has no answer to the prompt")
        found.append(known[0])
    return found


class WeightedSum:
    """The sum of named rewards; a part's own parts are named `part.sub`."""

    def __init__(self, name: str, digest: str, members: Mapping[str, tuple[float, Reward]]) -> None:
        self.name, self.digest, self.members = name, digest, dict(members)

    def __call__(self, prompts: Sequence[Prompt], responses: Sequence[str]) -> Scores:
        """Total and parts; a part that gives another number of scores is a ValueError with its name."""
        total, parts = np.zeros(len(responses)), {}
        for name, (weight, reward) in self.members.items():
            try:
                found = reward(prompts, responses)
            except PromptError as error:
                raise PromptError(error.place, f"its part '{name}': {error}") from None
            if np.shape(found.total) != (len(responses),):
                raise ValueError(
                    f"its part '{name}' gave {np.shape(found.total)} scores for {len(responses)} responses"
                )
            total += weight * found.total
            parts[name] = found.total
            parts |= {f"{name}.{sub}": values for sub, values in found.parts.items()}
        return Scores(total, parts)

    def close(self) -> None:
        """Close all parts."""
        for _, reward in self.members.values():
            reward.close()
