"""The model behind the server: requests take turns step by step, each in a batch of its own.

So a long request does not keep a short one waiting, and an answer is to the last bit the one that the request gets
when it is alone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from train.generate import Piece, Sampler
from train.open import Opened
from train.sampler import Params
from train.serve.requests import ApiError

_AT_ONCE = 8  # requests with a cache of their own
_WAITING = 128  # requests that wait for one
_LOOK_S = 0.1  # how often a waiting request looks whether anybody still listens


class _Turns:
    """So many at a time, in the order in which they asked; the standard semaphore may starve a thread."""

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._free = places

    @contextmanager
    def taken(self, check: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold a place; who waits for one calls `check` now and then, which may raise to give up."""
        with self._lock:
            mine = threading.Event()
            if self._free:
                self._free -= 1
                mine.set()
            else:
                self._waiting.append(mine)
        try:
            while not mine.wait(_LOOK_S):
                check()
            yield
        finally:
            with self._lock:
                if not mine.is_set():
                    self._waiting.remove(mine)
                elif self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._free += 1


class Engine:
    """Runs an opened model for many threads. name: what clients call it. answered, tokens: what was done so far."""

    def __init__(self, opened: Opened, name: str) -> None:
        self.opened = opened
        self.name = name
        self.sampler = Sampler(opened.model, opened.tokenizer, end_ids=opened.end_ids)
        self.answered = 0
        self.tokens = 0
        self._turns = _Turns(1)
        self._places = _Turns(_AT_ONCE)
        self._count = threading.Lock()
        self._present = 0
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End every request at its next step."""
        self._stopping.set()

    def run(
        self,
        prompts: Sequence[Sequence[int]],
        params: Params,
        *,
        seed: int,
        n: int,
        echo: bool,
        gone: Callable[[], bool],
    ) -> Iterator[list[Piece]]:
        """Steps as `Sampler.stream` gives them, until done or `gone()` says that nobody listens any more.

        Raises ApiError: 503 when too many requests wait or the server stops, 499 when the client has gone; UserError
        as `Sampler.check` does.
        """
        for prompt in prompts:
            self.sampler.check(prompt, params)

        def check() -> None:
            if self._stopping.is_set():
                raise ApiError(503, "the server is stopping")
            if gone():
                raise ApiError(499, "the client has gone")

        with self._place(check):
            steps = self.sampler.stream(prompts, params, seed=seed, n=n, echo=echo)
            while True:
                check()
                with self._turns.taken():
                    pieces = next(steps, None)
                if pieces is None:
                    break
                yield pieces
                with self._count:
                    self.tokens += sum(piece.token is not None for piece in pieces)
        with self._count:
            self.answered += 1

    @contextmanager
    def _place(self, check: Callable[[], None]) -> Iterator[None]:
        with self._count:
            if self._present >= _AT_ONCE + _WAITING:
                raise ApiError(503, "too many requests are waiting; try again later", code="overloaded")
            self._present += 1
        try:
            with self._places.taken(check):
                yield
        finally:
            with self._count:
                self._present -= 1
