"""What runs at this moment: the end of each log, never its whole history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dashboard.workspace import RunRef
from workbench.events import Event, last_events

_TOTAL = "_total"
_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Job:
    """A run that is being written. done, total: in `unit` (steps, requests), where it says them. rate: in records
    or units a second, as the log has it. fraction: share of the step that is done. left_s: seconds that this step may
    still take at the pace of the log's last lines. quiet_s: seconds since its last line. said: its last warning."""

    run: RunRef
    step: str
    message: str = ""
    unit: str = ""
    done: int | None = None
    total: int | None = None
    rate: float | None = None
    fraction: float | None = None
    left_s: float | None = None
    quiet_s: float | None = None
    said: str = ""


def running(runs: Sequence[RunRef], now: datetime | None = None) -> list[Job]:
    """The runs that are being written, the newest first, each with what the end of its log says."""
    moment = datetime.now(UTC) if now is None else now
    return [_job(run, moment) for run in reversed(runs) if run.state == "running"]


def ended(run: RunRef) -> str:
    """The last thing that an unfinished run said before it stopped."""
    events = last_events(Path(run.path) / "events.jsonl")
    last = next((event for event in reversed(events) if event.level in ("error", "warning")), None)
    last = last or (events[-1] if events else None)
    return "" if last is None else _words(f"{last.step}: {last.message}")


def _job(run: RunRef, now: datetime) -> Job:
    events = last_events(Path(run.path) / "events.jsonl")
    if not events:
        return Job(run, "starting")
    quiet = _seconds(events[-1], now)
    said = next((event for event in reversed(events) if event.level in ("error", "warning")), None)
    warned = "" if said is None else _words(f"{said.step}: {said.message}")
    last = next((event for event in reversed(events) if event.level == "progress"), None)
    if last is None:
        return Job(run, _words(events[-1].step), _words(events[-1].message), quiet_s=quiet, said=warned)
    unit, done, total = _counted(last)
    return Job(
        run,
        _words(last.step),
        _words(last.message),
        unit,
        done,
        total,
        _number(last.rate),
        _share(last),
        _left(events, last, now),
        quiet,
        warned,
    )


def _left(events: Sequence[Event], last: Event, now: datetime) -> float | None:
    """From the first and last progress of this step in what was read: the log says no more, and needs no more."""
    share, when = _share(last), _seconds(last, now)
    first = next((one for one in events if one.level == "progress" and one.step == last.step and _share(one)), None)
    if first is None or share is None or when is None:
        return None
    begun, before = _share(first), _seconds(first, now)
    if begun is None or before is None or not share > begun or not before > when:
        return None
    left = (1 - share) * (before - when) / (share - begun) - when
    return left if left > 0 else None  # it should have ended: nobody knows


def _counted(event: Event) -> tuple[str, int | None, int | None]:
    """`{"steps": 5, "steps_total": 9}` and `{"units_done": 5, "units_total": 9}` as (steps, 5, 9), (units, 5, 9)."""
    counts = event.counts if isinstance(event.counts, dict) else {}
    for name, total in counts.items():
        if isinstance(name, str) and name.endswith(_TOTAL) and isinstance(total, int):
            unit = name.removesuffix(_TOTAL)
            done = counts.get(f"{unit}_done", counts.get(unit))
            if isinstance(done, int):
                return _words(unit), done, total
    return "", None, None


def _share(event: Event) -> float | None:
    found = _number(event.fraction)
    return found if found is not None and 0 <= found <= 1 else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else None


def _seconds(event: Event, now: datetime) -> float | None:
    """Seconds from the event to `now`."""
    try:
        said = datetime.fromisoformat(event.time)
        return max(0.0, (now - said).total_seconds())
    except (ValueError, TypeError):
        return None


def _words(text: object) -> str:
    return str(text)[:_SHOWN]
