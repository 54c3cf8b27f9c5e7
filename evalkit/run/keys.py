"""What a model can be asked, and the names of its answers: equal requests to equal models have one answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from evalkit.models.types import Decoding, Pair, Prompt, Windows

ANSWERS = 1
"""Raised when the code changes what a model answers to the same request."""


@dataclass(frozen=True, slots=True)
class Continued:
    """How the model goes on from a prompt; `seed` is of all that is drawn."""

    prompt: Prompt
    decoding: Decoding
    seed: int = 0

    def __hash__(self) -> int:  # messages are mappings, which have none
        return hash((str(self.prompt.said), self.decoding, self.seed))


@dataclass(frozen=True, slots=True)
class Read:
    """The log-probabilities of a whole text."""

    text: str
    windows: Windows
    moments: bool = False


Request = Pair | Continued | Read


def answer_key(model: str, request: Request) -> str:
    """The SHA-256 by which the answer of the model with this digest is stored: all that decides it, and no more.

    The answer to a pair hangs neither on the seed nor on how texts are drawn, so it is found again where only those
    changed.
    """
    return _digest("answer", ANSWERS, model, *_said(request))


def _said(request: Request) -> tuple[Any, ...]:
    """The request as JSON has it. Pairs come in millions: `asdict`, which copies, would take most of the time."""
    if isinstance(request, Pair):
        return "pair", request.context, request.continuation
    return type(request).__name__, asdict(request)


def evaluation_key(task: str, scorer: int, item: str, answers: Iterable[str]) -> str:
    """The SHA-256 of an item's row: two rows with the same one are the same evaluation, whatever run they stand in.

    task: digest of its definition as it was used. scorer: version of the code that scores. answers: keys of the item's
    answers in the order in which they were asked.
    """
    return _digest("evaluation", task, scorer, item, list(answers))


def text_digest(text: str) -> str:
    """SHA-256 of a text; lone surrogates, which hostile data may hold, count as what they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _digest(*parts: Any) -> str:
    # JSON in ASCII is one text for equal values, and quotes what could be taken for the border of two parts.
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
