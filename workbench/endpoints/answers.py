"""What came back, as the caller may rely on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request.

    body: the server's JSON, empty where `error` says why there is none. texts: of each choice. reasons: why each ended
    (stop, length ...). seconds: of the attempt that succeeded, 0 from the cache. attempts: 0 from the cache.
    """

    body: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False
    attempts: int = 0
    seconds: float = 0.0
    error: str | None = None

    @property
    def text(self) -> str:
        """Text of the first choice; "" where the request failed."""
        return self.texts[0] if self.texts else ""


class GarbageError(ValueError):
    """A body that is no answer; it says what is wrong with it."""


def understand(body: Any) -> Answer:
    """A server's JSON as an answer; GarbageError where it is none."""
    if not isinstance(body, dict):
        raise GarbageError("the answer is no JSON object")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise GarbageError("the answer has no choices")
    texts, reasons = [], []
    for choice in choices:
        if not isinstance(choice, dict):
            raise GarbageError("a choice is no object")
        message = choice.get("message")
        text = message.get("content") if isinstance(message, dict) else choice.get("text")
        if text is None and isinstance(message, dict):
            text = ""  # a refusal or a tool call: there is an answer, and it says nothing
        if not isinstance(text, str):
            raise GarbageError("a choice has no text")
        texts.append(text)
        reasons.append(str(choice.get("finish_reason") or ""))
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Answer(
        body,
        tuple(texts),
        tuple(reasons),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
