"""What a model has said before: answers from a file, so that they are scored without it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
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
from workbench.errors import Exit, UserError

_HINT = (
    'lines of JSON: {"prompt": text or messages, "output": text or several}, or '
    '{"context": text, "continuation": text, "logprob": number}'
)


class Recorded:
    """Answers from JSON lines. See `evalkit.models.types.Model`.

    `{"prompt", "output"}`: what was said to a text or a conversation; `output` is a text or a list of several.
    `{"context", "continuation", "logprob"}`, and if known `tokens` and `greedy`: a log-likelihood in nats. Other keys
    are left alone. What the file does not hold is an answer with an `error`. A line that repeats a request must repeat
    its answer. UserError (exit 4, file and line) for anything else.
    """

    context: int | None = None

    def __init__(self, path: Path) -> None:
        self.name = f"recorded:{path}"
        self._path = path
        self._outputs: dict[str, list[str]] = {}
        self._likelihoods: dict[Pair, Likelihood] = {}
        try:
            data = path.read_bytes()
        except OSError as error:
            message = f"cannot read {path}: {error.strerror}"
            raise UserError(message, hint="name a file of recorded answers", code=Exit.INPUT) from None
        for number, line in enumerate(data.split(b"\n"), 1):
            if line.strip():
                self._enter(line, number)
        self.digest = hashlib.sha256(b"recorded/1\n" + data).hexdigest()
        kinds = ("generate", "chat") if self._outputs else ()
        self.can = frozenset((*kinds, *(("loglikelihood",) if self._likelihoods else ())))

    def loglikelihoods(
        self, pairs: Sequence[Pair], *, listener: Listener | None = None
    ) -> Iterator[tuple[int, Likelihood]]:
        """In the order of the pairs."""
        missing = Likelihood(math.nan, 0, False, error=f"{self._path} has no such pair")
        for number, pair in enumerate(pairs):
            yield number, self._likelihoods.get(pair, missing)

    def rolling(
        self, texts: Sequence[str], windows: Windows, *, moments: bool = False, listener: Listener | None = None
    ) -> Iterator[tuple[int, Rolled]]:
        """Nothing of the kind is recorded."""
        for number in range(len(texts)):
            yield number, Rolled(np.zeros(0), np.zeros(0, np.int64), error="whole texts are not recorded")

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, *, seed: int = 0, listener: Listener | None = None
    ) -> Iterator[tuple[int, list[Generated]]]:
        """In the order of the prompts; of several recorded outputs the first `n`, and what stands before a `stop`."""
        for number, prompt in enumerate(prompts):
            outputs = self._outputs.get(_key(prompt.said), [])
            error = f"{self._path} has {len(outputs) or 'no'} outputs of this prompt"
            given = [_until(text, decoding.stop) for text in outputs[: decoding.n]]
            yield number, given + [Generated("", "", 0, error=error)] * (decoding.n - len(given))

    def count(self, texts: Sequence[str]) -> list[int]:
        """Words: the tokens are not known."""
        return [len(text.split()) for text in texts]

    def forecast(self, asking: Asking) -> Forecast:
        """Everything is there already."""
        requests = len(asking.pairs) + len(asking.prompts) + len(asking.texts)
        return Forecast(0, 0, requests, requests)

    def account(self) -> Mapping[str, Any]:
        """Nothing is computed."""
        return {}

    def close(self) -> None:
        """Nothing is open."""

    def _enter(self, line: bytes, number: int) -> None:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise self._wrong("this is no JSON", number) from None
        row = row if isinstance(row, dict) else {}
        known: Any
        if "output" in row and "prompt" in row:
            outputs = row["output"] if isinstance(row["output"], list) else [row["output"]]
            if not outputs or not all(isinstance(each, str) for each in outputs) or not _is_said(row["prompt"]):
                raise self._wrong("`prompt` or `output` is neither a text nor a list of what it may hold", number)
            known = self._outputs.setdefault(_key(row["prompt"]), outputs)
            same = known == outputs
        elif {"context", "continuation", "logprob"} <= row.keys():
            pair, likelihood = self._pair(row, number)
            same = self._likelihoods.setdefault(pair, likelihood) == likelihood
        else:
            raise self._wrong("this line is no recorded answer", number)
        if not same:
            raise self._wrong("this request was answered otherwise in a line before", number)

    def _pair(self, row: Mapping[str, Any], number: int) -> tuple[Pair, Likelihood]:
        context, continuation, logprob = row["context"], row["continuation"], row["logprob"]
        if not isinstance(context, str) or not isinstance(continuation, str):
            raise self._wrong("`context` and `continuation` must be texts", number)
        if isinstance(logprob, bool) or not isinstance(logprob, int | float) or not -math.inf < logprob <= 0:
            raise self._wrong("`logprob` must be a number of at most 0", number)
        tokens, greedy = row.get("tokens", 0), row.get("greedy", False)
        if isinstance(tokens, bool) or not isinstance(tokens, int) or not isinstance(greedy, bool):
            raise self._wrong("`tokens` must be a whole number, and `greedy` true or false", number)
        return Pair(context, continuation), Likelihood(float(logprob), tokens, greedy)

    def _wrong(self, message: str, line: int) -> UserError:
        return UserError(message, hint=_HINT, code=Exit.INPUT, file=self._path, line=line)


def _is_said(prompt: Any) -> bool:
    if not isinstance(prompt, list):
        return isinstance(prompt, str)
    return all(isinstance(each, dict) and all(isinstance(value, str) for value in each.values()) for each in prompt)


def _key(said: Any) -> str:
    return said if isinstance(said, str) else "\x00" + json.dumps([dict(each) for each in said], sort_keys=True)


def _until(text: str, stops: Sequence[str]) -> Generated:
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    said = text[: min(ends)] if ends else text
    return Generated(said, "stop" if ends else "eos", len(said.split()))
