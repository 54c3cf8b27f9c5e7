"""What the system says about processes: is one still alive, and how a child dies with its parent."""

import ctypes
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

SELDOM = (100_000, 20, 20)
"""Thresholds of `gc` while a process starts: imports make many objects and hardly any garbage, and looking for it takes
a good part of their time. Never would be too seldom: who compiles does make some."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_POLL_S = 1.0


def cores() -> int:
    """Cores this process may use (its affinity mask, not the machine's count)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_ticks(pid: int) -> int | None:
    """When `pid` started, in clock ticks since boot; None when it is gone, a zombie, or the system has no /proc.

    Field 22 of /proc/<pid>/stat (proc(5)); the command name in field 2 may hold spaces and parentheses.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    state, ticks = fields[0], int(fields[19])
    return None if state in "ZX" else ticks


def boot_id() -> str:
    """An id of this boot of the machine, or "" where the system gives none: pids and ticks repeat after a reboot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def is_alive(pid: int, ticks: int | None) -> bool:
    """Whether `pid` runs and is the process that started at `ticks` (None: the start is unknown, the pid decides)."""
    if Path("/proc/self/stat").exists():
        now = start_ticks(pid)
        return now is not None and ticks in (None, now)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def die_with_parent(parent: int) -> None:
    """Arrange that this process is killed when its parent, whose pid was `parent`, ends in any way, even by kill -9.

    The kernel does it on Linux; elsewhere a thread looks for a changed parent every second.
    """
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it ended before the line above took effect
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    os._exit(1)


def resident_mb() -> Callable[[], float]:
    """A cheap reading of this process's resident memory; zero where the system has no /proc."""
    page_mb = resource.getpagesize() / 2**20
    try:
        statm = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return lambda: 0.0
    return lambda: int(os.pread(statm, 64, 0).split()[1]) * page_mb
