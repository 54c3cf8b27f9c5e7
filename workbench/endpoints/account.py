"""What was asked and what it cost, and what a job will cost before it begins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from workbench.endpoints.answers import Answer
from workbench.endpoints.settings import Endpoint, Request

CHARS_PER_TOKEN = 4.0
"""A rough mean for English, used in forecasts where nobody counts tokens."""


@dataclass
class Account:
    """Totals of a client; cached answers cost nothing."""

    requests: int = 0
    cached: int = 0
    failed: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, endpoint: Endpoint, answer: Answer) -> None:
        """Book one answer."""
        with self._lock:
            self.requests += 1
            self.cached += answer.cached
            self.failed += answer.error is not None
            self.retries += max(answer.attempts - 1, 0)
            if not answer.cached:
                self.prompt_tokens += answer.prompt_tokens
                self.completion_tokens += answer.completion_tokens
                self.cost += endpoint.price.of(answer.prompt_tokens, answer.completion_tokens)

    def data(self) -> dict[str, Any]:
        """The totals for a manifest or a report."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a job will ask at most: `prompt_tokens` is counted or estimated, `completion_tokens` is the limit asked."""

    requests: int
    cached: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    estimated: bool

    def data(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


def forecast(
    endpoint: Endpoint,
    requests: Sequence[Request],
    *,
    count: Callable[[str], int] | None = None,
    is_cached: Callable[[Request], bool] | None = None,
    default_completion: int = 256,
) -> Forecast:
    """Price a job before it begins.

    count: tokens of a text, where a tokenizer is known (default: a token per 4 characters, marked as an estimate).
    is_cached: `Client.is_cached`. default_completion: tokens of an answer whose request names no limit.
    """
    open_requests = [each for each in requests if is_cached is None or not is_cached(each)]
    prompt = sum(_prompt_tokens(each, count) for each in open_requests)
    limits = (each.body.get("max_tokens", each.body.get("max_completion_tokens")) for each in open_requests)
    wanted = (each.body.get("n", 1) for each in open_requests)
    answers = sum((default_completion if limit is None else limit) * n for limit, n in zip(limits, wanted, strict=True))
    cost = endpoint.price.of(prompt, answers)
    cached = len(requests) - len(open_requests)
    return Forecast(len(requests), cached, prompt, answers, cost, estimated=count is None)


def _prompt_tokens(request: Request, count: Callable[[str], int] | None) -> int:
    prompt = request.body.get("prompt")
    if prompt is not None and not isinstance(prompt, str):
        return len(prompt)
    if count is None:
        return round(request.prompt_chars / CHARS_PER_TOKEN)
    texts = [prompt] if prompt is not None else [str(each.get("content", "")) for each in request.body["messages"]]
    return sum(count(text) for text in texts)
