"""A training that is interrupted after a number of steps: `python -m dashboard.demo.stopped STEPS COMMAND...`."""

from __future__ import annotations

import os
import signal
import sys

from train.cli import main
from train.optim import Optimizers


def stop_after(steps: int) -> None:
    """Have this process interrupted, as by Ctrl-C, in its step of that number."""
    step = Optimizers.step
    count = 0

    def counted(self: Optimizers, share: float) -> None:
        nonlocal count
        count += 1
        step(self, share)
        if count == steps:
            os.kill(os.getpid(), signal.SIGINT)

    Optimizers.step = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    stop_after(int(sys.argv[1]))
    sys.argv = ["train", *sys.argv[2:]]
    main()
