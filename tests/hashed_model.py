"""A model whose answers are hashes of its weights and of all that it is asked: no two questions have the same one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from evalkit.models.types import (
    Asking,
    Decoding,
    Forecast,
    Generated,
    Likelihood,
    Listener,
    Pair,
    Prompt,
    Rolled,
    Windows,
)

ALL = frozenset({"loglikelihood", "rolling", "moments", "generate", "chat"})


def number(*parts: Any) -> float:
    """A number in [0, 1) that follows from the parts."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


class HashedModel:
    """weights: any text. before: called ahead of every answer with its number, counted from 0: it may raise or kill.

    errors: what the model says to a request whose text it is asked about, None for an answer.
    """

    context: int | None = None

    def __init__(
        self,
        weights: str,
        *,
        can: frozenset[str] = ALL,
        before: Callable[[int], None] = lambda number: None,
        errors: Callable[[str], str | None] = lambda text: None,
    ) -> None:
        self.name = f"hashed:{weights}"
        self.digest = hashlib.sha256(weights.encode()).hexdigest()
        self.can = can
        self.answers = 0
        self.calls: list[int] = []
        self._weights, self._before, self._errors = weights, before, errors

    def _next(self) -> None:
        self._before(self.answers)
        self.answers += 1

    def loglikelihood(self, pair: Pair) -> Likelihood:
        """What it says of a pair."""
        error = self._errors(pair.context + pair.continuation)
        drawn = number(self._weights, pair.context, pair.continuation)
        return Likelihood(-10 * drawn, 1 + len(pair.continuation) // 4, drawn < 0.1, error=error)

    def loglikelihoods(
        self, pairs: Sequence[Pair], *, listener: Listener | None = None
    ) -> Iterator[tuple[int, Likelihood]]:
        self.calls.append(len(pairs))
        for index in reversed(range(len(pairs))):
            self._next()
            yield index, self.loglikelihood(pairs[index])

    def read(self, text: str, windows: Windows) -> Rolled:
        """What it says of a text."""
        if self._errors(text):
            return Rolled(np.empty(0), np.empty(0, np.int64), error=self._errors(text))
        words = np.array([-number(self._weights, text, asdict(windows), place) for place in range(len(text.split()))])
        return Rolled(words, np.arange(len(words)))

    def rolling(
        self, texts: Sequence[str], windows: Windows, *, moments: bool = False, listener: Listener | None = None
    ) -> Iterator[tuple[int, Rolled]]:
        self.calls.append(len(texts))
        for index, text in enumerate(texts):
            self._next()
            yield index, self.read(text, windows)

    def say(self, prompt: Prompt, decoding: Decoding, seed: int) -> list[Generated]:
        """How it goes on."""
        said = str(prompt.said)
        drawn = [number(self._weights, said, asdict(decoding), seed, place) for place in range(decoding.n)]
        return [Generated(f" {int(1000 * one)}", "eos", 2, error=self._errors(said)) for one in drawn]

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, *, seed: int = 0, listener: Listener | None = None
    ) -> Iterator[tuple[int, list[Generated]]]:
        self.calls.append(len(prompts))
        for index, prompt in enumerate(prompts):
            self._next()
            yield index, self.say(prompt, decoding, seed)

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def forecast(self, asking: Asking) -> Forecast:
        texts = [pair.context + pair.continuation for pair in asking.pairs] + list(asking.texts)
        texts += [str(prompt.said) for prompt in asking.prompts]
        return Forecast(sum(self.count(texts)), asking.decoding.max_new * len(asking.prompts), len(texts))

    def account(self) -> Mapping[str, Any]:
        return {"requests": self.answers}

    def close(self) -> None:
        pass
