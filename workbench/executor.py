"""Doing units: in this process, or in a small pool of worker processes that may die without harm to the rest."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from workbench.board import Board
from workbench.events import Listener
from workbench.files import leftovers, remove
from workbench.pool import Pool
from workbench.units import Outcome, Unit, do, failure, load


def run_units(
    function: str,
    units: Sequence[Unit],
    *,
    directory: Path,
    step: str,
    jobs: int = 1,
    setup: dict[str, Any] | None = None,
    on_event: Listener = lambda event: None,
    retries: int = 1,
) -> list[Outcome]:
    """Do every unit that is not done yet, and return one outcome for each, in the order of `units`.

    function: the step (see `units`). directory: where units are published; the caller holds the run's lock. A unit
    that raises, or whose worker dies (out of memory, crash of a library), is tried `retries` times more and then
    failed; an unreadable input fails at once. Raises UserError when the whole run must stop (disk full, a missing
    model); finished units stay. `jobs=1` works in this process. Fingerprints must be unique.
    """
    assert len({unit.fingerprint for unit in units}) == len(units), "two units have one fingerprint"
    directory.mkdir(parents=True, exist_ok=True)
    for path in leftovers(directory):
        remove(path)
    board = Board(step, units, directory, retries, on_event)
    if board.waiting:
        if jobs == 1:
            _here(function, board, setup or {})
        else:
            Pool(function, board, min(jobs, len(board.waiting)), setup or {}).run()
    return [board.outcomes[index] for index in range(len(units))]


def _here(function: str, board: Board, setup: dict[str, Any]) -> None:
    with load(function)(setup) as work:
        while (index := board.take()) is not None:
            try:
                result = do(work, board.units[index], board.directory, partial(board.progress, index))
            except Exception as error:
                board.failed(index, failure(error))
            else:
                board.done(index, result)
