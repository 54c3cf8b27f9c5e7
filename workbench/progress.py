"""Progress on stderr, drawn from events: share, rate and time left; one line in place, or a line now and then."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

from workbench.events import Event
from workbench.render import count, duration
from workbench.visible import one_line

REDRAW_S = 0.2  # a terminal
REPEAT_S = 10.0  # a log file or pipe
_BAR = 24


class Progress:
    """A listener of events that keeps the person at the screen informed.

    On a terminal one line is redrawn in place; elsewhere a line is added every ten seconds. Warnings and errors are
    printed as they come. `shown=False` (-q, --no-progress) keeps the warnings and errors and drops the rest.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        shown: bool = True,
        warn: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream or sys.stderr
        self._shown = shown
        self._warn = warn
        self._clock = clock
        self._terminal = self._stream.isatty()
        self._drawn = False
        self._step = ""
        self._began = (0.0, 0.0)  # moment and fraction of the step's first event: what a resumed run skips has no speed
        self._drawn_at = 0.0

    def __call__(self, event: Event) -> None:
        """Show `event`, if it is worth showing now."""
        if event.level in ("warning", "error"):
            if self._warn or event.level == "error":
                self.print(f"{event.level}: {event.message}")
        elif event.level == "progress" and self._shown:
            self._progress(event)

    def print(self, message: str) -> None:
        """One line of its own, above the line that is being redrawn."""
        self.clear()
        self._stream.write(one_line(message) + "\n")
        self._stream.flush()

    def clear(self) -> None:
        """Take the redrawn line away, so that something else can be printed."""
        if self._drawn:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
            self._drawn = False

    def _progress(self, event: Event) -> None:
        present = self._clock()
        if event.step != self._step:
            self._step = event.step
            self._began = (present, event.fraction or 0.0)
            self._drawn_at = present - (REDRAW_S if self._terminal else 0.0)
        finished = event.fraction is not None and event.fraction >= 1.0
        wait = REDRAW_S if self._terminal else REPEAT_S
        if present - self._drawn_at < wait and not finished:
            return
        self._drawn_at = present
        line = one_line(describe(event, self._left(present, event.fraction)))
        if self._terminal:
            width = shutil.get_terminal_size().columns
            self._stream.write("\r\x1b[2K" + line[: width - 1])
            self._stream.flush()
            self._drawn = True
            if finished:
                self._stream.write("\n")
                self._drawn = False
        else:
            self.print(line)

    def _left(self, present: float, fraction: float | None) -> float | None:
        """Seconds to the end of the step at the speed so far, or None when nothing can be said yet."""
        began, already = self._began
        if fraction is None or fraction <= already or fraction >= 1.0:
            return None
        return (present - began) * (1.0 - fraction) / (fraction - already)


_COUNTED = ("records", "requests", "steps")


def describe(event: Event, left_s: float | None) -> str:
    """One line for a progress event: `extract [######------]  50 %  1,234 records  87 records/s  12 s left`."""
    parts = [event.step]
    if event.fraction is not None:
        filled = int(_BAR * min(event.fraction, 1.0))
        parts.append(f"[{'#' * filled}{'-' * (_BAR - filled)}] {100 * event.fraction:3.0f} %")
    noun = next((name for name in _COUNTED if name in event.counts), "units")
    done = event.counts.get(noun, event.counts.get("units_done"))
    if done is not None:
        parts.append(f"{count(done)} {noun}")
    if event.message:  # what a step has to say of itself is worth more than its speed in what it counts
        parts.append(event.message)
    elif event.rate is not None:
        parts.append(f"{event.rate:,.1f} {noun}/s")
    failed = event.counts.get("units_failed")
    if failed:
        parts.append(f"{count(failed)} units failed")
    if left_s is not None:
        parts.append(f"{duration(left_s)} left")
    return "  ".join(parts)
