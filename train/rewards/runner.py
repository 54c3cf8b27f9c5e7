"""In the sandbox: runs Python code with its tests. Only the standard library is imported, so that the child is small.

Every piece of code runs in a process of its own, forked from the child: it writes no files, starts no processes, has
so much CPU time, time by the clock and memory, and nothing of it is left when the next one runs. It counts as passed
what runs to its end; code that ends the process (`sys.exit`) passes nothing. Code that looks for the runner's own
variables can still cheat: read what a policy writes before you trust its reward.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

_REFUSED = {"os.kill", "os.killpg", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "os.system"}
_REFUSED |= {"os.chmod", "os.chown", "os.link", "os.symlink", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn"}
_REFUSED |= {"os.spawn", "subprocess.Popen"}
_REFUSED_FAMILIES = ("shutil.", "socket.", "ctypes.", "pty.")
_BELOW = ("_posixsubprocess", "_ctypes", "_cffi_backend")
"""Modules that reach the system below what an audit hook sees."""
_MOST_SAID = 1 << 20
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def runner(setup: dict[str, Any]) -> Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]:
    """The handler in the sandbox: runs one piece of code with its tests in a fork of the child."""

    def run(_: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        work = json.loads(payload)
        reading, writing = os.pipe()
        mark = os.urandom(16)  # what writes into the pipe without knowing it reports nothing
        process = os.fork()
        if process == 0:
            _run_and_leave(work["code"], work["tests"], work["cpu_s"], writing, mark)
        os.close(writing)
        try:
            said = _said(reading, time.monotonic() + work["wall_s"])
            return {"passed": sum(_record(mark, number) in said for number in range(len(work["tests"])))}, b""
        finally:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            os.close(reading)

    return run


def _record(mark: bytes, number: int) -> bytes:
    """What says that a test has passed."""
    return mark + number.to_bytes(4, "big")


def _said(reading: int, deadline: float) -> bytes:
    """What the other end reports before it ends or the time is up."""
    said = b""
    while (left := deadline - time.monotonic()) > 0 and len(said) < _MOST_SAID:
        ready, _, _ = select.select([reading], [], [], left)
        part = os.read(reading, 4096) if ready else b""
        if not part:
            break
        said += part
    return said


def _run_and_leave(code: str, tests: Sequence[str], cpu_s: int, writing: int, mark: bytes) -> None:
    """Confine this process, run the code, report every test that does not raise, and end."""
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        kept = os.dup2(writing, 3)
        os.closerange(4, 4096)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
        for name in (*_BELOW, "subprocess", "ctypes"):
            sys.modules.pop(name, None)  # so that bringing them in again is an import that is seen
        sys.addaudithook(_refuse)
        space: dict[str, Any] = {"__name__": "__response__"}
        exec(compile(code, "<response>", "exec"), space)  # noqa: S102  (what the sandbox is for)
        for number, test in enumerate(tests):
            if _holds(test, space):
                os.write(kept, _record(mark, number))
    except BaseException:  # whatever the code raises, SystemExit too, is its own failure
        os._exit(1)
    os._exit(0)


def _holds(test: str, space: dict[str, Any]) -> bool:
    try:
        exec(compile(test, "<test>", "exec"), dict(space))  # noqa: S102
    except BaseException:  # as above
        return False
    return True


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: no processes, no changes to files, no sockets, no native code by hand."""
    if event == "import" and arguments[0] in _BELOW:
        raise PermissionError(f"not in the sandbox (import {arguments[0]})")
    is_write = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
    if event in _REFUSED or is_write or event.startswith(_REFUSED_FAMILIES):
        raise PermissionError(f"not in the sandbox ({event})")
