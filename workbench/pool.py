"""A pool of worker processes: each does one unit at a time, and none is missed when it dies."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.board import Board
from workbench.errors import UserError
from workbench.files import leftovers, remove
from workbench.units import Failure, Unit
from workbench.worker import HEADER, send

_STOP_S = 5.0  # a worker's time to end after it was told to
_LOG_BYTES = 1 << 20
_STARTS = 3  # workers in a row that may die before they are ready
# One core for each worker: libraries that would each start a thread per core only get in each other's way.
_ONE_THREAD = dict.fromkeys(
    ("POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


class Pool:
    """Does the units of a board with `jobs` workers; which worker does what leaves no trace in the outcome."""

    def __init__(self, function: str, board: Board, jobs: int, setup: dict[str, Any]) -> None:
        self._function = function
        self._board = board
        self._jobs = jobs
        self._setup = setup
        self._workers: set[_Worker] = set()
        self._selector = selectors.DefaultSelector()
        self._failed_starts = 0

    def run(self) -> None:
        """Work until every unit has an outcome; on an error or a signal the workers are stopped first."""
        try:
            for _ in range(self._jobs):
                self._start()
            while self._workers:
                for key, _ in self._selector.select():
                    for message in key.data.messages():
                        self._hear(key.data, message)
        finally:
            for worker in list(self._workers):
                self._dismiss(worker, stop=True)
            self._selector.close()
            for path in leftovers(self._board.directory):
                remove(path)

    def _start(self) -> None:
        worker = _Worker(self._function, self._board.directory, self._setup)
        self._workers.add(worker)
        self._selector.register(worker.source, selectors.EVENT_READ, worker)

    def _dismiss(self, worker: "_Worker", *, stop: bool = False) -> None:
        self._selector.unregister(worker.source)
        self._workers.remove(worker)
        worker.end(stop=stop)

    def _hear(self, worker: "_Worker", message: dict[str, Any] | None) -> None:
        if message is None:
            self._bury(worker)
            return
        match message["kind"]:
            case "ready":
                self._failed_starts = 0
                worker.is_ready = True
            case "progress":
                assert worker.unit is not None
                self._board.progress(worker.unit, message["fraction"], message["counts"])
                return
            case "done":
                self._board.done(worker.leave(), message["result"])
            case "failed":
                self._board.failed(worker.leave(), Failure(**message["failure"]))
            case "broken":
                raise _broken(Failure(**message["failure"]))
        index = self._board.take()
        if index is None:
            self._dismiss(worker)
        else:
            worker.give(index, self._board.units[index])

    def _bury(self, worker: "_Worker") -> None:
        """A worker has died: its unit is tried again by a new one."""
        how = worker.obituary()
        if worker.unit is not None:
            self._board.failed(worker.leave(), Failure(how, trace=how))
        elif not worker.is_ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise RuntimeError(f"workers cannot start: {how}")
        self._dismiss(worker)
        if self._board.waiting:
            self._start()


def _broken(failure: Failure) -> Exception:
    """What to raise when the set-up of a step fails, which no other unit or worker would escape."""
    if failure.user is not None:
        return UserError(**failure.user)
    return RuntimeError(f"a worker could not be set up: {failure.error}\n{failure.trace}")


class _Worker:
    """One worker process with its two pipes; what it prints goes to an unnamed file, of which the end is shown when
    it dies."""

    def __init__(self, function: str, directory: Path, setup: dict[str, Any]) -> None:
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

    def end(self, *, stop: bool) -> None:
        """Close the pipe, which tells an idle worker to leave; `stop` does not wait for a busy one."""
        os.close(self.target)
        if stop:
            self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self.source)
        self._printed.close()
