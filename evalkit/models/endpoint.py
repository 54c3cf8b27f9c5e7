"""Models behind an OpenAI-compatible server: log-probabilities by echo, texts and conversations."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from evalkit.models.echo import Echo, EchoError, NoEchoError, read_echo
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
from workbench.endpoints import Answer, Client, Endpoint, Request, chat, completion, forecast
from workbench.endpoints.account import CHARS_PER_TOKEN
from workbench.errors import Exit, UserError


class Served:
    """A model behind a server. See `evalkit.models.types.Model`.

    only_chat: it answers conversations and nothing else, so it gives no log-probabilities; a text is then one message
    of the user's. cache: file of answers, which are paid for once. How many requests run at a time, how often they are
    tried and what they cost says `endpoint`. What an answer follows from is what the server says of the model (see
    `workbench.endpoints.Client.card`): weights that change behind a name are noticed where it says so.
    """

    context: int | None = None

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        only_chat: bool = False,
        cache: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.name = f"{'chat:' if only_chat else ''}{endpoint.url}#{endpoint.model}"
        self.can = frozenset({"generate", "chat"} if only_chat else {"loglikelihood", "rolling", "generate", "chat"})
        self._only_chat = only_chat
        self._client = Client(endpoint, cache=cache, transport=transport)
        card = json.dumps(self._client.card(), sort_keys=True)
        self._client.salt = card
        named = {"backend": "server/1", "url": endpoint.url, "model": endpoint.model, "chat": only_chat, "card": card}
        self.digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()

    def loglikelihoods(
        self, pairs: Sequence[Pair], *, listener: Listener | None = None
    ) -> Iterator[tuple[int, Likelihood]]:
        """In the order of the pairs.

        White space at the end of a context moves to the continuation, as in `encode_pairs`. Where a token of the
        server's reaches over the edge between the two, it counts as one of the continuation.
        """
        moved = [(pair.context.rstrip(), pair.context + pair.continuation) for pair in pairs]
        asked = [number for number, pair in enumerate(pairs) if pair.continuation]
        for number in sorted(set(range(len(pairs))) - set(asked)):
            yield number, _unlikely("the continuation adds no token")
        echoes = self._echoes([moved[number][1] for number in asked], listener)
        for number, echo in zip(asked, echoes, strict=True):
            yield number, _unlikely(echo) if isinstance(echo, str) else _likelihood(echo, *moved[number])

    def rolling(
        self, texts: Sequence[str], windows: Windows, *, moments: bool = False, listener: Listener | None = None
    ) -> Iterator[tuple[int, Rolled]]:
        """In the order of the texts, each read whole: a text longer than the server's context fails.

        The first token has a log-probability where the server puts something before it and gives it. Raises UserError
        for what a server cannot do: windows of a chosen length, moments, and to score a token that it hides.
        """
        if windows.context is not None or windows.stride is not None or windows.bos == "scored" or moments:
            hint = "leave windows, stride and bos as they are"
            raise UserError("a server reads texts whole and in its own way", hint=hint)
        asked = [number for number, text in enumerate(texts) if text]
        for number in sorted(set(range(len(texts))) - set(asked)):
            yield number, Rolled(np.zeros(0), np.zeros(0, np.int64))
        for number, echo in zip(asked, self._echoes([texts[number] for number in asked], listener), strict=True):
            yield number, _rolled(echo, first=windows.bos == "context")

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, *, seed: int = 0, listener: Listener | None = None
    ) -> Iterator[tuple[int, list[Generated]]]:
        """In the order of the prompts. How many tokens each of several answers has is their mean."""
        requests = [self._request(prompt, decoding, seed) for prompt in prompts]
        for number, answer in enumerate(self._client.ask(requests, listener)):
            yield number, _generated(answer, decoding)

    def count(self, texts: Sequence[str]) -> list[int]:
        """An estimate: a token per four characters."""
        return [math.ceil(len(text) / CHARS_PER_TOKEN) for text in texts]

    def forecast(self, asking: Asking) -> Forecast:
        """What is not in the cache; tokens are estimated."""
        requests = [_echoing(pair.context + pair.continuation) for pair in asking.pairs]
        requests += [_echoing(text) for text in asking.texts]
        requests += [self._request(prompt, asking.decoding, 0) for prompt in asking.prompts]
        found = forecast(self._client.endpoint, requests, is_cached=self._client.is_cached)
        return Forecast(
            found.prompt_tokens, found.completion_tokens, found.requests, found.cached, found.cost, found.estimated
        )

    def account(self) -> Mapping[str, Any]:
        """Requests, retries, tokens and cost."""
        return self._client.account.data()

    def close(self) -> None:
        """Close the connections and the cache."""
        self._client.close()

    def _request(self, prompt: Prompt, decoding: Decoding, seed: int) -> Request:
        options: dict[str, Any] = {"max_tokens": decoding.max_new, "temperature": decoding.temperature}
        if decoding.temperature:
            options |= {"top_p": decoding.top_p, "seed": seed}
        if decoding.n > 1:
            options["n"] = decoding.n
        if decoding.stop:
            options["stop"] = list(decoding.stop)
        if not isinstance(prompt.said, str):
            return chat(prompt.said, **options)
        if self._only_chat:
            return chat([{"role": "user", "content": prompt.said}], **options)
        return completion(prompt.said, **options)

    def _echoes(self, texts: Sequence[str], listener: Listener | None) -> Iterator[Echo | str]:
        """The tokens of each text, or why there are none. UserError (exit 4) where the first answer shows that there
        will never be any."""
        if self._only_chat:
            hint = "name it without `chat:` if it has /completions with `echo`; else take tasks that generate"
            raise UserError("a server of conversations gives no log-probabilities", hint=hint, code=Exit.INPUT)
        worked = False
        for text, answer in zip(texts, self._client.ask([_echoing(text) for text in texts], listener), strict=True):
            try:
                yield answer.error if answer.error is not None else read_echo(answer, text)
                worked |= answer.error is None
            except EchoError as error:
                if isinstance(error, NoEchoError) and not worked:
                    hint = "it needs /completions with `echo` and `logprobs`; tasks that generate do without"
                    raise UserError(f"{self.name}: {error}", hint=hint, code=Exit.INPUT) from None
                yield str(error)


def _echoing(text: str) -> Request:
    # Many servers refuse to write nothing; the one token is left out of what is read.
    return completion(text, max_tokens=1, temperature=0, echo=True, logprobs=1)


def _unlikely(error: str) -> Likelihood:
    return Likelihood(math.nan, 0, False, error=error)


def _likelihood(echo: Echo, context: str, prompt: str) -> Likelihood:
    """The sum over the tokens of which a part stands behind `context`."""
    ends = [*echo.starts[1:], len(prompt)]
    first = next(place for place, end in enumerate(ends) if end > len(context))
    logprobs = echo.logprobs[first:]
    if None in logprobs:
        return _unlikely("the server gives the first token of a text no log-probability")
    found = [value for value in logprobs if value is not None]
    best = echo.best[first:]
    greedy = all(top is not None and value >= top for value, top in zip(found, best, strict=True))
    return Likelihood(math.fsum(found), len(found), greedy)


def _rolled(echo: Echo | str, *, first: bool) -> Rolled:
    if isinstance(echo, str):
        return Rolled(np.zeros(0), np.zeros(0, np.int64), error=echo)
    begin = 0 if first and echo.logprobs[0] is not None else 1
    logprobs = echo.logprobs[begin:]
    if None in logprobs:
        return Rolled(np.zeros(0), np.zeros(0, np.int64), error="the server left tokens without a log-probability")
    return Rolled(np.array(logprobs, dtype=np.float64), np.array(echo.starts[begin:], dtype=np.int64))


def _generated(answer: Answer, decoding: Decoding) -> list[Generated]:
    if answer.error is None and len(answer.texts) != decoding.n:
        answer = Answer(error=f"the server gave {len(answer.texts)} answers, not {decoding.n}")
    if answer.error is not None:
        return [Generated("", "", 0, error=answer.error)] * decoding.n
    tokens = round(answer.completion_tokens / decoding.n)
    stopped = "stop" if decoding.stop else "eos"  # servers call both ends "stop"
    return [
        Generated(text, stopped if reason == "stop" else reason, tokens)
        for text, reason in zip(answer.texts, answer.reasons, strict=True)
    ]
