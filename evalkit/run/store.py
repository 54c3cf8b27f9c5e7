"""Answers on the disk, by key: what a killed run has answered, and what other runs asked before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from evalkit.models.types import Generated, Likelihood, Rolled
from evalkit.run.keys import Continued, Read, Request
from workbench.endpoints.cache import Cache

SHARED = Path("cache") / "evaluations.sqlite"
"""Where, under the workspace, all runs keep their answers."""

Answer = Likelihood | list[Generated] | Rolled


class Store:
    """Answers that were given; none of them has an error. What was stored first stays."""

    def __init__(self, path: Path) -> None:
        self._cache = Cache(path)

    def get(self, key: str, request: Request) -> Answer | None:
        """The answer to a request, or None where there is none or it is damaged."""
        body = self._cache.get(key)
        try:
            return None if body is None else _read(body, request)
        except (KeyError, TypeError, ValueError):
            return None

    def put(self, answers: Mapping[str, Answer]) -> None:
        """Store answers by key, all or none of them."""
        self._cache.put_all({key: _body(answer) for key, answer in answers.items()})

    def close(self) -> None:
        """Close the file."""
        self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def problem(answer: Answer | None) -> str | None:
    """Why an answer is none: the model's own word, or a number that is no log-probability."""
    if answer is None:
        return "the model gave no answer"
    if isinstance(answer, list):
        return next((one.error for one in answer if one.error is not None), None if answer else "no text came")
    if answer.error is not None:
        return answer.error
    numbers = np.array([answer.logprob]) if isinstance(answer, Likelihood) else answer.logprobs
    if not np.isfinite(numbers).all():
        return f"the log-probability is {numbers[~np.isfinite(numbers)][0]}"
    return None


def _body(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, Likelihood):
        return {
            "logprob": float(answer.logprob),
            "tokens": int(answer.tokens),
            "greedy": bool(answer.greedy),
            "cut": int(answer.cut),
        }
    if isinstance(answer, list):
        return {"texts": [[one.text, one.reason, int(one.tokens), int(one.cut)] for one in answer]}
    moments = {"means": answer.means, "deviations": answer.deviations}
    return {
        "logprobs": answer.logprobs.tolist(),
        "starts": answer.starts.tolist(),
        "begin": None if answer.begin is None else float(answer.begin),
        "summed": None if answer.summed is None else float(answer.summed),
        **{name: None if values is None else values.tolist() for name, values in moments.items()},
    }


def _read(body: Mapping[str, Any], request: Request) -> Answer:
    """A stored body as the answer to the kind of request it was stored for; ValueError where it is not one."""
    if isinstance(request, Continued):
        texts = [Generated(text, reason, tokens, cut) for text, reason, tokens, cut in body["texts"]]
        if len(texts) != request.decoding.n:
            raise ValueError("another number of texts")
        return texts
    if isinstance(request, Read):
        logprobs, starts = np.array(body["logprobs"], np.float64), np.array(body["starts"], np.int64)
        means, deviations = (
            None if body[name] is None else np.array(body[name], np.float64) for name in ("means", "deviations")
        )
        return Rolled(logprobs, starts, means, deviations, body["begin"], summed=body["summed"])
    if not math.isfinite(body["logprob"]):
        raise ValueError("no log-probability")
    return Likelihood(body["logprob"], body["tokens"], body["greedy"], body["cut"])
