"""A pool of worker processes: each does one unit at a time, and none is missed when it dies."""

import selectors
from typing import Any

from workbench import crew
from workbench.board import Board
from workbench.errors import UserError
from workbench.files import leftovers, remove
from workbench.units import Failure

_STARTS = 3  # workers in a row that may die before they are ready


class Pool:
    """Does the units of a board with `jobs` workers; which worker does what leaves no trace in the outcome."""

    def __init__(self, function: str, board: Board, jobs: int, setup: dict[str, Any]) -> None:
        self._function = function
        self._board = board
        self._jobs = jobs
        self._setup = setup
        self._workers: set[crew.Worker] = set()
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
                self._forget(worker)
                worker.end(stop=True)
            self._selector.close()
            for path in leftovers(self._board.directory):
                remove(path)

    def _start(self) -> None:
        worker = crew.hire(self._function, self._board.directory, self._setup)
        self._workers.add(worker)
        self._selector.register(worker.source, selectors.EVENT_READ, worker)

    def _forget(self, worker: crew.Worker) -> None:
        self._selector.unregister(worker.source)
        self._workers.remove(worker)

    def _hear(self, worker: crew.Worker, message: dict[str, Any] | None) -> None:
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
            self._forget(worker)
            crew.dismiss(worker)
        else:
            worker.give(index, self._board.units[index])

    def _bury(self, worker: crew.Worker) -> None:
        """A worker has died: its unit is tried again by a new one."""
        how = worker.obituary()
        if worker.unit is not None:
            self._board.failed(worker.leave(), Failure(how, trace=how))
        elif not worker.is_ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise RuntimeError(f"workers cannot start: {how}")
        self._forget(worker)
        worker.end()
        if self._board.waiting:
            self._start()


def _broken(failure: Failure) -> Exception:
    """What to raise when the set-up of a step fails, which no other unit or worker would escape."""
    if failure.user is not None:
        return UserError(**failure.user)
    return RuntimeError(f"a worker could not be set up: {failure.error}\n{failure.trace}")
