"""`events.jsonl`: what happened in a run, one JSON object a line; the console and the dashboard read the same lines."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

# A progress line of one step is written at most this often, so that a run of days keeps a readable log.
PROGRESS_S = 5.0
LEVELS = ("progress", "info", "warning", "error")


def now() -> str:
    """The present moment as ISO-8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    `counts` are totals of the step so far (records, tokens, units_done, units_total ...), never differences;
    `rate` is in records (or, where a step counts none, units) per second; `fraction` is the share of the step done.
    """

    level: str
    step: str
    message: str = ""
    unit: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    rate: float | None = None
    fraction: float | None = None
    time: str = field(default_factory=now)

    def line(self) -> str:
        """The event as one line of JSON (ASCII only, so nothing in a message can break the line)."""
        fields = {name: getattr(self, name) for name in ("time", "level", "step", "unit", "message", "counts")}
        fields |= {"counts": dict(self.counts), "rate": self.rate, "fraction": self.fraction}
        return json.dumps(fields)


Listener = Callable[[Event], None]


class EventLog:
    """Append-only log of one run; only the process that holds the run's lock writes it.

    A line that a crash left unfinished is closed with a newline on opening, so that it spoils no later line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._progress_at: dict[str, float] = {}
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            self._append(b"\n")

    def __call__(self, event: Event) -> None:
        """Write `event`, except progress that comes sooner than `PROGRESS_S` after the last of its step."""
        if event.level == "progress":
            present = time.monotonic()
            recent = present - self._progress_at.get(event.step, -PROGRESS_S) < PROGRESS_S
            if recent and event.fraction != 1.0:  # how a step ended is always worth a line
                return
            self._progress_at[event.step] = present
        self._append(event.line().encode() + b"\n")

    def _append(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def close(self) -> None:
        """Close the file; a closed log takes no more events."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_events(path: Path) -> Iterator[Event]:
    """The events of a log, oldest first; torn or foreign lines are passed over, a missing file holds none."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            event = _parse(line)
            if event is not None:
                yield event


def last_events(path: Path, most: int = 1 << 16) -> list[Event]:
    """The events in the last `most` bytes of a log, oldest first: what a live view polls, however long the log is."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            lines = file.read(most).splitlines()
    except OSError:
        return []
    whole = lines if size <= most else lines[1:]  # the first one is cut
    return [event for line in whole if (event := _parse(line)) is not None]


def _parse(line: bytes) -> Event | None:
    try:
        fields: Any = json.loads(line)
        return Event(**fields)
    except (ValueError, TypeError):
        return None
