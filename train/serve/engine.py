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


class _Turns:
    """A lock whose holders come in the order in which they asked; the standard one may starve a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._taken = False

    def __enter__(self) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


class Engine:
    """Runs an opened model for many threads. name: what clients call it. answered, tokens: what was done so far."""

    def __init__(self, opened: Opened, name: str) -> None:
        self.opened = opened
        self.name = name
        self.sampler = Sampler(opened.model, opened.tokenizer, end_ids=opened.end_ids)
        self.answered = 0
        self.tokens = 0
        self._turns = _Turns()
        self._places = threading.BoundedSemaphore(_AT_ONCE)
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
        with self._place():
            steps = self.sampler.stream(prompts, params, seed=seed, n=n, echo=echo)
            while True:
                if self._stopping.is_set():
                    raise ApiError(503, "the server is stopping")
                if gone():
                    raise ApiError(499, "the client has gone")
                with self._turns:
                    pieces = next(steps, None)
                if pieces is None:
                    break
                yield pieces
                with self._count:
                    self.tokens += sum(piece.token is not None for piece in pieces)
        with self._count:
            self.answered += 1

    @contextmanager
    def _place(self) -> Iterator[None]:
        with self._count:
            if self._present >= _AT_ONCE + _WAITING:
                raise ApiError(503, "too many requests are waiting; try again later", code="overloaded")
            self._present += 1
        try:
            with self._places:
                yield
        finally:
            with self._count:
                self._present -= 1
