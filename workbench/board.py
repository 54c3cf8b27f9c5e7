"""What is done, what is to do, and what an event says about it."""

import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.errors import UserError
from workbench.events import Event, Listener
from workbench.units import Failure, Outcome, Unit, failed_log, read_done, unit_dir


class Board:
    """What is done and what is to do; turns every change into an event with the step's totals."""

    def __init__(self, step: str, units: Sequence[Unit], directory: Path, retries: int, on_event: Listener) -> None:
        self.units = units
        self.directory = directory
        self.outcomes: dict[int, Outcome] = {}
        self.waiting: deque[int] = deque()
        self._step = step
        self._retries = retries
        self._on_event = on_event
        self._attempts = [0] * len(units)
        self._partial: dict[int, tuple[float, dict[str, int]]] = {}
        self._began = time.monotonic()
        self._failed = 0
        self._records = 0
        for index, unit in enumerate(units):
            result = read_done(directory, unit.fingerprint)
            if result is None:
                self.waiting.append(index)
            else:
                where = unit_dir(directory, unit.fingerprint)
                self.outcomes[index] = Outcome(unit, where, result, reused=True)
                self._records += _records(result)
        self._reused = (len(self.outcomes), self._records)
        self.tell("progress", "resumed" if self.outcomes else "started")

    def take(self) -> int | None:
        """The next unit to do, or None."""
        if not self.waiting:
            return None
        index = self.waiting.popleft()
        self._attempts[index] += 1
        return index

    def progress(self, index: int, fraction: float, counts: dict[str, int]) -> None:
        """A unit has come so far."""
        self._partial[index] = (fraction, counts)
        self.tell("progress", "working")

    def done(self, index: int, result: dict[str, Any]) -> None:
        """A unit is published."""
        unit = self.units[index]
        failed_log(self.directory, unit.fingerprint).unlink(missing_ok=True)
        where = unit_dir(self.directory, unit.fingerprint)
        self.outcomes[index] = Outcome(unit, where, result, attempts=self._attempts[index])
        self._partial.pop(index, None)
        self._records += _records(result)
        self.tell("progress", "done", unit.fingerprint)

    def failed(self, index: int, failure: Failure) -> None:
        """A unit raised or its worker died: once more, or failed for good; a fatal error is raised."""
        if failure.fatal is not None:
            raise UserError(**failure.fatal)
        unit = self.units[index]
        self._partial.pop(index, None)
        if failure.retry and self._attempts[index] <= self._retries:
            self.waiting.append(index)
            self.tell("warning", f"unit {unit.fingerprint} will be tried again: {failure.error}", unit.fingerprint)
            return
        failed_log(self.directory, unit.fingerprint).write_text(failure.trace, encoding="utf-8", errors="replace")
        where = unit_dir(self.directory, unit.fingerprint)
        self.outcomes[index] = Outcome(unit, where, error=failure.error, attempts=self._attempts[index])
        self._failed += 1
        self.tell("error", f"unit {unit.fingerprint} failed: {failure.error}", unit.fingerprint)

    def tell(self, level: str, message: str, unit: str | None = None) -> None:
        """Send an event with the totals as they are now."""
        counts = {"units_done": len(self.outcomes) - self._failed, "units_total": len(self.units)}
        if self._failed:
            counts["units_failed"] = self._failed
        records = self._records + sum(so_far.get("records", 0) for _, so_far in self._partial.values())
        if records:
            counts["records"] = records
        share = len(self.outcomes) + sum(fraction for fraction, _ in self._partial.values())
        reused_units, reused_records = self._reused
        new = records - reused_records if records else len(self.outcomes) - reused_units
        elapsed_s = time.monotonic() - self._began
        rate = new / elapsed_s if new and elapsed_s > 0 else None
        self._on_event(
            Event(level, self._step, message, unit, counts, rate, share / len(self.units) if self.units else 1.0)
        )


def _records(result: dict[str, Any]) -> int:
    found = result.get("records", 0)
    return found if isinstance(found, int) else 0
