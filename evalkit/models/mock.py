"""A model that costs nothing: what it answers is a hash of its seed and of what it was asked."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
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

_TOKEN = re.compile(r"\s*\S{1,4}|\s+")
_VERSION = 1


class Mock:
    """Tokens are up to four letters and the white space before them. A token's probability depends on the 64
    characters before it, so that a text has one probability however it is asked for. Generation says the last line of
    the prompt again. See `evalkit.models.types.Model`.
    """

    context: int | None = None

    def __init__(self, seed: int) -> None:
        self.name = f"mock:{seed}"
        self.seed = seed
        self.digest = hashlib.sha256(f"mock/{_VERSION}/{seed}".encode()).hexdigest()
        self.can = frozenset({"loglikelihood", "rolling", "moments", "generate", "chat"})
        self._tokens = 0

    def loglikelihoods(
        self, pairs: Sequence[Pair], *, listener: Listener | None = None
    ) -> Iterator[tuple[int, Likelihood]]:
        """In the order of the pairs."""
        for number, pair in enumerate(pairs):
            if not pair.continuation:
                yield number, Likelihood(math.nan, 0, False, error="the continuation adds no token")
                continue
            chances = self._chances(pair.context, pair.continuation)
            yield number, Likelihood(sum(map(math.log, chances)), len(chances), min(chances) > 0.5)

    def rolling(
        self, texts: Sequence[str], windows: Windows, *, moments: bool = False, listener: Listener | None = None
    ) -> Iterator[tuple[int, Rolled]]:
        """In the order of the texts; the windows change nothing but the first token."""
        first = 1 if windows.bos == "none" else 0
        for number, text in enumerate(texts):
            logprobs = np.log(np.array(self._chances("", text), dtype=np.float64))[first:]
            starts = np.array([each.start() for each in _TOKEN.finditer(text)], dtype=np.int64)[first:]
            begin = math.log(self._chance("", "<begin>")) if windows.bos == "scored" else None
            means, deviations = (np.full(len(logprobs), -2.0), np.ones(len(logprobs))) if moments else (None, None)
            yield number, Rolled(logprobs, starts, means, deviations, begin)

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, *, seed: int = 0, listener: Listener | None = None
    ) -> Iterator[tuple[int, list[Generated]]]:
        """In the order of the prompts; with a temperature, the seed says how much of the last line is said."""
        for number, prompt in enumerate(prompts):
            said = prompt.said if isinstance(prompt.said, str) else str(prompt.said[-1].get("content", ""))
            yield number, [self._said(said, decoding, seed, index) for index in range(decoding.n)]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(_TOKEN.findall(text)) for text in texts]

    def forecast(self, asking: Asking) -> Forecast:
        """Nothing is shared: all that is asked is read."""
        texts = [pair.context + pair.continuation for pair in asking.pairs] + list(asking.texts)
        prompts = [str(prompt.said) for prompt in asking.prompts]
        new = asking.decoding.max_new * asking.decoding.n * len(prompts)
        return Forecast(sum(self.count([*texts, *prompts])), new, len(texts) + len(prompts))

    def account(self) -> Mapping[str, Any]:
        """Tokens that were given a probability."""
        return {"tokens_computed": self._tokens}

    def close(self) -> None:
        """Nothing is open."""

    def _said(self, prompt: str, decoding: Decoding, seed: int, index: int) -> Generated:
        tokens = _TOKEN.findall(next((line for line in reversed(prompt.split("\n")) if line.strip()), ""))
        if decoding.temperature:
            tokens = tokens[: int(self._chance(f"{seed}/{index}", prompt) * (len(tokens) + 1))]
        reason = "length" if len(tokens) > decoding.max_new else "eos"
        tokens = tokens[: decoding.max_new]
        text = "".join(tokens)
        ends = [at for stop in decoding.stop if (at := text.find(stop)) >= 0]
        return Generated(text[: min(ends)], "stop", len(tokens)) if ends else Generated(text, reason, len(tokens))

    def _chances(self, before: str, text: str) -> list[float]:
        whole = before + text
        found = [
            self._chance(whole[max(len(before) + each.start() - 64, 0) : len(before) + each.start()], each.group())
            for each in _TOKEN.finditer(text)
        ]
        self._tokens += len(found)
        return found

    def _chance(self, before: str, token: str) -> float:
        """Above 0, up to 1."""
        named = f"{self.seed}\x00{before}\x00{token}".encode("utf-8", "surrogatepass")
        return (int.from_bytes(hashlib.blake2b(named, digest_size=6).digest()) + 1) / 2**48
