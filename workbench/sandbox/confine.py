"""What a process takes from itself before it touches anything fragile: network, files, memory."""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import Any

STACK_BYTES = 256 << 20  # libraries walk deep trees by recursion in C: the main thread's stack may grow up to this
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h


def cut_network() -> str:
    """Takes the network from this process, by a namespace of its own or else by refusing sockets; says which.

    A user namespace needs a process of one thread, so this comes before any import that starts some.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "unshare"):
        for flags in (_CLONE_NEWNET, _CLONE_NEWNET | _CLONE_NEWUSER):
            if libc.unshare(flags) == 0:
                return "namespace"
    refuse_sockets()
    return "audit hook"


def refuse_sockets() -> None:
    """From now on, Python code of this process that makes a socket or looks up a name gets PermissionError."""

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if event.startswith("socket."):
            raise PermissionError(f"no network in the sandbox ({event})")

    sys.addaudithook(hook)


def restrict(memory_mb: int) -> None:
    """Limits address space, and forbids written files and core dumps, for the rest of this process."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_AS, memory_mb << 20)
    _limit(resource.RLIMIT_STACK, STACK_BYTES)


def _limit(what: int, value: int) -> None:
    """Sets a limit for good to `value`, or to the highest allowed where that is less."""
    hard = resource.getrlimit(what)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))
