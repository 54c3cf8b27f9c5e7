"""Killing this process at a counted operation, whichever it is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent


def environment() -> dict[str, str]:
    """In which a script of the tests finds this module and the packages."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}


def die() -> None:
    """As `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def counter(operation: int) -> Callable[..., Any]:
    """A wrapper of functions: the n-th call of any of them kills this process, ahead of it.

    after=True counts the moment behind a call, too.
    """
    count = 0

    def passes() -> None:
        nonlocal count
        count += 1
        if count == operation:
            die()

    def counted(function: Any, after: bool = False) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            passes()
            found = function(*arguments, **options)
            if after:
                passes()
            return found

        return call

    return counted
