"""Asking a model what is not answered yet, in units that are stored whole.

What a model computes hangs in its last bits on what it computes together. The units therefore follow from the requests
alone, never from what is answered already, and an interrupted run goes on to the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from evalkit.models.types import Model, Pair
from evalkit.run.keys import Continued, Read, Request, answer_key
from evalkit.run.store import Answer, Store, problem
from workbench.errors import Exit, UserError

UNIT_REQUESTS = 1024
UNIT_CHARS = 400_000
"""Of a unit, a context that begins as the one before it counted from where they part: minutes of a small model."""
_HOPELESS = 100  # requests that fail before a single one is answered
NEEDS = {Pair: "loglikelihood", Continued: "generate", Read: "rolling"}
"""What a model must be able to do for each kind of request."""

Told = Callable[[int], None]
"""Hears how many more requests are answered."""


class Failed(NamedTuple):
    """Why a request has no answer."""

    error: str


class Asker:
    """One model and the store of its answers.

    asked: requests that went to the model. reused: found in the store. failed: why, by key; they are not stored, so
    that another run may have more luck.
    """

    def __init__(self, model: Model, store: Store) -> None:
        self.model, self.store = model, store
        self.asked = self.reused = 0
        self.failed: dict[str, str] = {}
        self._answered = False

    def key(self, request: Request) -> str:
        """The name of the request's answer."""
        return answer_key(self.model.digest, request)

    def is_known(self, request: Request) -> bool:
        """Whether its answer is stored."""
        return self.store.get(self.key(request), request) is not None

    def answer(self, requests: Iterable[Request], told: Told = lambda count: None) -> None:
        """See to it that every request is answered or has failed; equal ones are asked once.

        Raises UserError (exit 3) where nothing but failures comes back, and what the model raises.
        """
        for unit in units(requests):
            self._do(unit, told)

    def find(self, request: Request, key: str | None = None) -> Answer | Failed:
        """The answer to a request that was asked here; its key, where it is known already."""
        key = key or self.key(request)
        if key in self.failed:
            return Failed(self.failed[key])
        found = self.store.get(key, request)
        if found is None:
            message = "an answer has gone from the store while it was in use"
            raise UserError(message, hint="did another program change it? run the same command again", code=Exit.INPUT)
        return found

    def _do(self, unit: Sequence[Request], told: Told) -> None:
        keys = [self.key(request) for request in unit]
        missing = [
            (key, request) for key, request in zip(keys, unit, strict=True) if self.store.get(key, request) is None
        ]
        self.reused += len(unit) - len(missing)
        self._answered = self._answered or len(missing) < len(unit)
        if len(missing) < len(unit):
            told(len(unit) - len(missing))
        if not missing:
            return
        self.asked += len(missing)
        good: dict[str, Answer] = {}
        waiting = set(range(len(missing)))
        for index, answer in self._ask([request for _, request in missing]):
            waiting.discard(index)
            self._take(missing[index][0], answer, good)
            told(1)
        for index in sorted(waiting):
            self._take(missing[index][0], None, good)
        if waiting:
            told(len(waiting))
        self.store.put(good)

    def _take(self, key: str, answer: Answer | None, good: dict[str, Answer]) -> None:
        """File one answer; UserError where there are so many failures, and nothing else, that more are not worth it."""
        error = problem(answer)
        if answer is not None and error is None:
            good[key] = answer
            self.failed.pop(key, None)
            self._answered = True
            return
        self.failed[key] = error or ""
        if not self._answered and len(self.failed) >= _HOPELESS:
            first = next(iter(self.failed.values()))
            message = f"{self.model.name} failed on all of the first {len(self.failed):,} requests: {first}"
            raise UserError(message, hint="put it right and run the same command again", code=Exit.PARTIAL)

    def _ask(self, requests: Sequence[Request]) -> Iterator[tuple[int, Any]]:
        first = requests[0]
        if isinstance(first, Pair):
            return self.model.loglikelihoods([request for request in requests if isinstance(request, Pair)])
        if isinstance(first, Continued):
            prompts = [request.prompt for request in requests if isinstance(request, Continued)]
            return self.model.generate(prompts, first.decoding, seed=first.seed)
        texts = [request.text for request in requests if isinstance(request, Read)]
        return self.model.rolling(texts, first.windows, moments=first.moments)


def units(requests: Iterable[Request]) -> Iterator[list[Request]]:
    """Requests that are asked together and stored together: of one kind, in the order given, each only once."""
    kinds: dict[Any, list[Request]] = {}
    for request in dict.fromkeys(requests):
        kinds.setdefault(_together(request), []).append(request)
    for alike in kinds.values():
        unit: list[Request] = []
        chars, before = 0, ""
        for request in alike:
            text = _text(request)
            chars += len(text) - _shared(before, text)
            if unit and (len(unit) == UNIT_REQUESTS or chars > UNIT_CHARS):
                yield unit
                unit, chars = [], len(text)
            unit.append(request)
            before = text
        yield unit


def _together(request: Request) -> Any:
    """Equal for requests that one call of the model can take."""
    if isinstance(request, Pair):
        return Pair
    if isinstance(request, Continued):
        return request.decoding, request.seed
    return request.windows, request.moments


def _text(request: Request) -> str:
    if isinstance(request, Pair):
        return request.context + request.continuation
    return str(request.prompt.said) if isinstance(request, Continued) else request.text


def _shared(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning, by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
