"""Worker processes as their parent sees them; inside `kept`, those that are done with one step begin the next one.

A start is mostly imports, and costs as much as a small step itself.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from workbench.units import Unit
from workbench.worker import HEADER, send

_STOP_S = 5.0  # a worker's time to end, or to clean up, after it was told to
_LOG_BYTES = 1 << 20
KEPT_MB = 450
"""The most that a worker may hold when a step has ended, to be kept."""
# One core for each worker: libraries that would each start a thread per core only get in each other's way.
_ONE_THREAD = dict.fromkeys(
    ("POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
_idle: ContextVar[list["Worker"] | None] = ContextVar("idle", default=None)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Inside, workers live on from step to step; they end with the block."""
    if _idle.get() is not None:
        yield
        return
    idle: list[Worker] = []
    token = _idle.set(idle)
    try:
        yield
    finally:
        _idle.reset(token)
        _end(idle)


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Inside, nobody idles, and workers are new: for steps that reckon with the memory of every process."""
    _end(_idle.get() or [])
    token = _idle.set(None)
    try:
        yield
    finally:
        _idle.reset(token)


def _end(idle: list["Worker"]) -> None:
    for worker in idle:
        worker.let_go()
    while idle:
        idle.pop().end()


def hire(function: str, directory: Path, setup: dict[str, Any]) -> "Worker":
    """A worker that sets itself up for a step: one that is idle, or a new one."""
    idle = _idle.get()
    while idle:
        worker = idle.pop()
        if worker.lives:
            break
        worker.end()
    else:
        worker = Worker()
    worker.begin(function, directory, setup)
    return worker


def dismiss(worker: "Worker") -> None:
    """What happens to a worker that waits for units where there are none left: it is kept, or ended."""
    idle = _idle.get()
    try:
        if idle is not None and worker.rest():
            idle.append(worker)
            return
    except BaseException:  # interrupted, and nobody else knows of it
        worker.end(stop=True)
        raise
    worker.end()


class Worker:
    """One worker process with its two pipes; what it prints goes to an unnamed file, of which the end is shown when
    it dies."""

    def __init__(self) -> None:
        source, self.target = os.pipe()
        self.source, target = os.pipe()
        self._printed = tempfile.TemporaryFile(mode="a+b")  # noqa: SIM115 - lives as long as the worker
        paths = [str(Path(entry).resolve()) for entry in sys.path]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workbench.worker", str(source), str(target), str(os.getpid())],
                pass_fds=(source, target),
                stdin=subprocess.DEVNULL,
                stdout=self._printed,
                stderr=self._printed,
                env={**_ONE_THREAD, **os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
        finally:
            os.close(source)
            os.close(target)
        self.unit: int | None = None
        self.is_ready = False
        self._buffer = b""
        self._let_go = False

    @property
    def lives(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def begin(self, function: str, directory: Path, setup: dict[str, Any]) -> None:
        """Have it set itself up for a step; it says `ready` when it has."""
        self.is_ready = False
        os.ftruncate(self._printed.fileno(), 0)
        self.tell({"function": function, "directory": str(directory), "setup": setup})

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message; a worker that has died in between is noticed when its pipe is read."""
        with contextlib.suppress(BrokenPipeError):
            send(self.target, message)

    def messages(self) -> Iterator[dict[str, Any] | None]:
        """What has arrived; None when the worker has ended."""
        part = os.read(self.source, 1 << 16)
        if not part:
            yield None
            return
        self._buffer += part
        while len(self._buffer) >= HEADER.size:
            end = HEADER.size + HEADER.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                return
            body, self._buffer = self._buffer[HEADER.size : end], self._buffer[end:]
            yield json.loads(body)

    def give(self, index: int, unit: Unit) -> None:
        """Hand it a unit to do."""
        self.unit = index
        if os.fstat(self._printed.fileno()).st_size > _LOG_BYTES:
            os.ftruncate(self._printed.fileno(), 0)
        self.tell(unit._asdict())

    def leave(self) -> int:
        """The unit it was doing, which from now on is not its own."""
        assert self.unit is not None
        index, self.unit = self.unit, None
        return index

    def obituary(self) -> str:
        """How the worker ended, with the last line it printed."""
        code = self._process.wait()
        how = f"worker killed by {signal.Signals(-code).name}" if code < 0 else f"worker ended with status {code}"
        self._printed.seek(0)
        lines = self._printed.read()[-4000:].decode(errors="replace").strip().splitlines()
        return f"{how} ({lines[-1][:200]})" if lines else how

    def rest(self) -> bool:
        """Have it clean up after its step; whether it waits for the next one, with little in its memory."""
        self.tell({})
        poll = select.poll()
        poll.register(self.source, select.POLLIN)
        until = time.monotonic() + _STOP_S
        while poll.poll(1000 * max(0.0, until - time.monotonic())):
            for message in self.messages():
                return message is not None and message["kind"] == "rested" and message["resident_mb"] <= KEPT_MB
        return False

    def let_go(self) -> None:
        """Close the pipe to it: when it is idle, it leaves."""
        if not self._let_go:
            self._let_go = True
            os.close(self.target)

    def end(self, *, stop: bool = False) -> None:
        """Let it go, and wait until it has left; `stop` does not wait for a busy one. Once more does nothing."""
        self.let_go()
        if self._printed.closed:
            return
        if stop:
            self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self.source)
        self._printed.close()
