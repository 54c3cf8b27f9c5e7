"""How likely each token of an answer was, as a model server told it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

ALTERNATIVES = 5
"""The likeliest tokens in a place that are kept."""


class Token(NamedTuple):
    """A token of an answer with its log-probability in nats, and the likeliest in its place."""

    text: str
    logprob: float
    others: tuple[tuple[str, float], ...] = ()


def read_tokens(body: Mapping[str, Any]) -> list[Token]:
    """The tokens of the first choice with their probabilities, of a chat or a completion; none where the server does
    not tell them, or tells them in a form of its own."""
    try:
        told = body["choices"][0]["logprobs"]
        if isinstance(told.get("content"), list):
            return [_chat_token(each) for each in told["content"]]
        tops = told.get("top_logprobs") or [None] * len(told["tokens"])
        rows = zip(told["tokens"], told["token_logprobs"], tops, strict=True)
        return [
            Token(str(text), _number(value), _best((top or {}).items()))
            for text, value, top in rows
            if value is not None  # the first token of an echoed prompt has none
        ]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return []


def _chat_token(entry: Mapping[str, Any]) -> Token:
    others = [(each["token"], each["logprob"]) for each in entry.get("top_logprobs") or ()]
    return Token(str(entry["token"]), _number(entry["logprob"]), _best(others))


def _best(others: Any) -> tuple[tuple[str, float], ...]:
    found = sorted(((str(text), _number(value)) for text, value in others), key=lambda pair: (-pair[1], pair[0]))
    return tuple(found[:ALTERNATIVES])


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value > 1e-3:
        raise ValueError("no log-probability")
    return min(float(value), 0.0)
