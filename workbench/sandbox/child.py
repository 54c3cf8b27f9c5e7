"""The caller's view: requests in, replies out, in order, whatever happens to the child."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Any, NamedTuple

from workbench.sandbox.process import CPU, START_S, WALL, Process, Reply, SandboxError

__all__ = ["START_S", "Child", "Limits", "Reply", "Request", "SandboxError"]

PATIENCE = 10.0  # a second attempt has this many times the first one's time
SENT_AHEAD = 16
SENT_AHEAD_BYTES = 4 << 20
RECYCLE_REQUESTS = 5000


class Limits(NamedTuple):
    """What one request may take: seconds by the clock, CPU seconds, megabytes of address space, bytes of the reply."""

    wall_s: float = 20.0
    cpu_s: float = 10.0
    memory_mb: int = 1024
    output_bytes: int = 64 << 20


class Request(NamedTuple):
    """One piece of work: a JSON-able header and bytes."""

    header: dict[str, Any]
    payload: bytes = b""


class Child:
    """A killable child process that answers requests in order; it is started at the first request.

    Restarted after `recycle_requests` requests, or when it holds more than half of what its start left of the memory it
    may have, so that a leak in a library stays small; since handlers keep nothing between requests, answers do not
    depend on it.
    """

    def __init__(
        self,
        target: str,
        limits: Limits | None = None,
        *,
        setup: dict[str, Any] | None = None,
        recycle_requests: int = RECYCLE_REQUESTS,
        start_s: float = START_S,
    ) -> None:
        self.target = target
        self.limits = limits or Limits()
        self.setup = setup or {}
        self.recycle_requests = recycle_requests
        self.start_s = start_s
        """Seconds by the clock that the first start may take, which may have to compile; later ones have START_S."""
        self.starts = 0
        """How many processes there have been; none before the first request."""
        self.network = ""
        """How the latest one was cut off: "namespace" or "audit hook"."""
        self._process: Process | None = None

    def run(self, requests: Iterable[Request]) -> list[Reply]:
        """One reply for every request, in order. Raises SandboxError when the child does not start."""
        queue = _Queue(requests)
        replies: list[Reply] = []
        longer = self.limits.wall_s * PATIENCE, self.limits.cpu_s * PATIENCE
        patient = self.limits._replace(wall_s=longer[0], cpu_s=longer[1])
        while self._serve(queue, replies, self.limits) is not None:
            began = time.perf_counter()
            death = self._serve(_Queue([queue.pop()]), replies, patient)
            if death is not None:
                replies.append(Reply({}, b"", death, time.perf_counter() - began))
        return replies

    def close(self) -> None:
        """Ends the child; a later `run` starts a new one."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _serve(self, queue: _Queue, replies: list[Reply], limits: Limits) -> str | None:
        """Answers the queue until it is empty: None. Or until the child dies: the reason, the request first in line."""
        flight: deque[Request] = deque()
        while queue or flight:
            if not flight and self._process is not None and self._process.retiring:
                self.close()
            process = self._process or self._start()
            while queue and not process.retiring and _fits(flight, queue.first):
                flight.append(queue.pop())
                process.send(flight[-1].header, flight[-1].payload, limits.cpu_s)
            reply = process.receive(limits.wall_s)
            if isinstance(reply, str):
                self._process = None
                queue.put_back(flight)
                timeouts = {WALL: f"{limits.wall_s:g} s", CPU: f"{limits.cpu_s:g} s of CPU time"}
                return f"timeout after {timeouts[reply]}" if reply in timeouts else reply
            replies.append(reply)
            flight.popleft()
        return None

    def _start(self) -> Process:
        self.starts += 1
        self._process = Process(
            self.target,
            self.setup,
            self.limits.memory_mb,
            self.limits.output_bytes,
            self.recycle_requests,
            self.start_s if self.starts == 1 else START_S,
        )
        self.network = self._process.network
        return self._process


def _fits(flight: deque[Request], request: Request) -> bool:
    """Whether one more may be sent ahead: few enough that little is repeated when the child dies."""
    flying = sum(len(other.payload) for other in flight)
    return not flight or (len(flight) < SENT_AHEAD and flying + len(request.payload) <= SENT_AHEAD_BYTES)


class _Queue:
    """An iterator of requests that can be looked into and given back to; read no further than it is asked."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._rest = iter(requests)
        self._head: deque[Request] = deque()

    def __bool__(self) -> bool:
        if not self._head:
            self._head.extend([request for request in [next(self._rest, None)] if request is not None])
        return bool(self._head)

    @property
    def first(self) -> Request:
        return self._head[0]

    def pop(self) -> Request:
        return self._head.popleft()

    def put_back(self, requests: deque[Request]) -> None:
        self._head.extendleft(reversed(requests))
