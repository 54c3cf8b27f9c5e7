"""SIGTERM and Ctrl-C while steps are taken: noted, and acted on between two steps."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from workbench.console import Terminated

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """The signal that asked this process to end; 0 for none."""

    signal = 0

    def note(self, number: int, frame: FrameType | None) -> None:
        """The handler: the first signal waits for the step to end, a second one does not."""
        if self.signal:
            raise_for(number)
        self.signal = number


def raise_for(number: int) -> None:
    """End as the console expects it of a signal."""
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


@contextlib.contextmanager
def noted() -> Iterator[Interruption]:
    """Within it, signals are noted instead of being raised wherever the process stands."""
    interruption = Interruption()
    try:
        before = [signal.signal(number, interruption.note) for number in _SIGNALS]
    except ValueError:  # not the main thread: whoever runs us there minds the signals
        yield interruption
        return
    try:
        yield interruption
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)
