"""The log-probabilities of a prompt's tokens in a server's answer that repeats the prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from workbench.endpoints import Answer

_PLAIN = re.compile(r"[A-Za-z0-9 ]+")


class EchoError(ValueError):
    """The answer has no log-probabilities that could be read; it says why."""


class NoEchoError(EchoError):
    """The server does not repeat prompts at all."""


class Echo(NamedTuple):
    """Tokens of a prompt, in order. starts: the character of the prompt at which each begins (below 0: before it).
    logprobs: None where the server gives none (a text's first token). best: the likeliest token's, None if not told.
    """

    starts: list[int]
    logprobs: list[float | None]
    best: list[float | None]


def read_echo(answer: Answer, prompt: str) -> Echo:
    """The tokens of `prompt`, without those that were written after it and those that the server put before it.

    Offsets are counted anew from the tokens' texts where these spell the prompt: servers that put a begin-of-text
    token before it count its name. Raises EchoError.
    """
    given = answer.body["choices"][0].get("logprobs")
    if not isinstance(given, Mapping):
        raise NoEchoError("the server gave no log-probabilities of the prompt")
    tokens, logprobs, offsets = (_listed(given, name) for name in ("tokens", "token_logprobs", "text_offset"))
    if not len(tokens) == len(logprobs) == len(offsets) or not all(isinstance(each, str) for each in tokens):
        raise EchoError("the server's log-probabilities are garbled")
    likeliest = given.get("top_logprobs")
    if not isinstance(likeliest, list) or len(likeliest) != len(tokens):
        likeliest = [None] * len(tokens)
    starts = _starts(tokens, offsets, prompt)
    rows = [
        (start, _number(logprob), _best(top))
        for start, logprob, top in zip(starts, logprobs, likeliest, strict=True)
        if 0 <= start < len(prompt)
    ]
    if not rows:
        raise NoEchoError("the server did not repeat the prompt")
    return Echo([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def _starts(tokens: list[str], offsets: list[Any], prompt: str) -> list[int]:
    spelt = "".join(tokens)
    shift = spelt.find(prompt)
    if shift >= 0:
        found, at = [], -shift
        for token in tokens:
            found.append(at)
            at += len(token)
        return found
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in offsets):
        raise EchoError("the server does not say where its tokens begin")
    if any(after < before for before, after in pairwise(offsets)) or not _stand(tokens, offsets, prompt):
        raise EchoError("the server's tokens do not stand in the prompt where it says")
    return offsets


def _stand(tokens: list[str], offsets: list[int], prompt: str) -> bool:
    """Whether most tokens that say plainly what they are stand where they should: not so if the server cut the prompt.

    Parts of a letter and special tokens are written in ways of their own.
    """
    told = zip(tokens, offsets, strict=True)
    within = [(token, at) for token, at in told if _PLAIN.fullmatch(token) and 0 <= at < len(prompt)]
    return 2 * sum(prompt.startswith(token, at) for token, at in within) >= len(within)


def _listed(given: Mapping[str, Any], name: str) -> list[Any]:
    found = given.get(name)
    if not isinstance(found, list):
        raise EchoError(f"the server's log-probabilities have no `{name}`")
    return found


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value > 1e-3:
        raise EchoError("the server gave a log-probability that is none")
    return float(value)


def _best(top: Any) -> float | None:
    values = [value for value in top.values() if isinstance(value, int | float)] if isinstance(top, Mapping) else []
    return max(values, default=None)
