"""One tick: what is due is made, once, however often and by however many it is asked for.

A report is made beside its place and moved there whole; then it is entered in the ledger. The folder is the truth: a
tick that finds one which is not entered, because its maker was killed in between, enters it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evalkit.report import ledger, windows
from evalkit.report.plan import Cadence, Plan
from workbench.errors import Exit, UserError
from workbench.files import leftovers, remove, whole_directory
from workbench.locks import Lock, is_locked

REPORTS = Path("reports")
"""Where, under the workspace, the reports of all plans lie."""
_LOCK = "lock.json"


@dataclass(frozen=True, slots=True)
class Made:
    """What making a report came to: its verdict in words and its exit code."""

    verdict: str
    code: Exit


Make = Callable[[Path, str], Made]
"""Writes a report into a folder, which is empty and not yet at its place, for the window of this name."""
Tell = Callable[[Path], None]
"""Tells whom it concerns of the report in a folder, which is at its place."""


def folder(root: Path, plan: Plan) -> Path:
    """The folder of a plan's reports."""
    return root / REPORTS / plan.name


def tick(
    plan: Plan, root: Path, make: Make, now: datetime | None = None, *, tell: Tell = lambda place: None
) -> ledger.Entry | None:
    """Make the report that is due, and return its entry; None where none is due, or another process is making it.

    Windows that were missed are not made up for one by one: the last one stands for them, and says how many there were.
    A report is told before it is entered, so that a kill in between has it told again, not kept quiet for good.
    Raises what `make` raises; nothing of a report that failed stays, and the next tick tries again.
    """
    moment = datetime.now(UTC) if now is None else now
    home = folder(root, plan)
    home.mkdir(parents=True, exist_ok=True)
    due = windows.latest(plan.cadence, moment)
    if _is_done(home, due):
        return None
    try:
        lock = Lock(home / _LOCK)
    except UserError as error:
        if error.code == Exit.LOCKED:
            return None
        raise
    try:
        if _is_done(home, due):  # another process was faster
            return None
        name, before = windows.name(due), ledger.read(home)
        missed = _missed(plan, before, due)
        if (home / name).is_dir():  # made, but its maker was killed before it was entered
            made = _read(home / name)
        else:
            for stale in leftovers(home):
                remove(stale)
            with whole_directory(home / name) as making:
                made = make(making, name)
                (making / _MADE).write_text(f"{int(made.code)}\n{made.verdict}\n", "utf-8")
        tell(home / name)
        return ledger.append(home, plan.name, name, made.verdict, int(made.code), missed)
    finally:
        lock.release()


_MADE = "verdict.txt"


def _read(report: Path) -> Made:
    code, verdict = (report / _MADE).read_text("utf-8").splitlines()[:2]
    return Made(verdict, Exit(int(code)))


def _is_done(home: Path, due: datetime) -> bool:
    """Whether this window, or a later one, is entered: a clock that was set back makes nothing twice."""
    done = [entry.window for entry in ledger.read(home)]
    return bool(done) and windows.moment(max(done)) >= due


def _missed(plan: Plan, before: list[ledger.Entry], due: datetime) -> int:
    if not before:
        return 0
    count, window = 0, windows.moment(max(entry.window for entry in before))
    while (window := windows.following(plan.cadence, window)) < due:
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class Standing:
    """How a plan stands. last, next: the window done last, and the one that comes next, in UTC. late_h: hours since a
    window has been due, 0 where none is. running: whether a report is being made."""

    plan: str
    last: ledger.Entry | None
    next: datetime
    late_h: float
    running: bool


def standing(plan: Plan, root: Path, now: datetime | None = None) -> Standing:
    """Read from the disk alone."""
    return standing_of(plan.name, plan.cadence, folder(root, plan), now)


def standing_of(name: str, cadence: Cadence, home: Path, now: datetime | None = None) -> Standing:
    """How the plan stands whose reports lie in `home`; for those who have a report, but not its plan."""
    moment = datetime.now(UTC) if now is None else now
    entries = ledger.read(home)
    due = windows.latest(cadence, moment)
    late = 0.0 if _is_done(home, due) else (moment - due).total_seconds() / 3600
    last = max(entries, key=lambda entry: entry.window) if entries else None
    return Standing(name, last, windows.following(cadence, due), late, is_locked(home / _LOCK))
