"""One writer per run: `lock.json` says who writes; the kernel's lock on it ends with the process, even by kill -9."""

import fcntl
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from workbench.errors import Exit, UserError
from workbench.events import now
from workbench.processes import boot_id, is_alive, start_ticks


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock: `ticks` and `boot` tell it from a later one with the same pid."""

    pid: int
    host: str
    started: str
    ticks: int | None
    boot: str

    @classmethod
    def me(cls) -> Self:
        """The calling process."""
        pid = os.getpid()
        return cls(pid, socket.gethostname(), now(), start_ticks(pid), boot_id())

    @property
    def is_here(self) -> bool:
        """Whether this machine can say if the process lives."""
        return self.host == socket.gethostname()

    @property
    def is_gone(self) -> bool:
        """Whether the process is known to have ended; of another machine's processes nothing is known."""
        return self.is_here and (self.boot != boot_id() or not is_alive(self.pid, self.ticks))


def holder(path: Path) -> Holder | None:
    """Who wrote the lock at `path`; None when there is no lock, or only a torn one."""
    try:
        return Holder(**json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def is_locked(path: Path) -> bool:
    """Whether a live process (or one of another machine, which cannot be asked) holds the lock at `path`."""
    found = holder(path)
    return found is not None and not found.is_gone


class Lock:
    """An exclusive lock on a run, held until `release`.

    Raises UserError (exit 5, with pid, host and start time) when another process holds it. A lock whose process has
    ended is replaced; `replaced` then names that process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.replaced: Holder | None = None
        self._descriptor = self._take()

    def _take(self) -> int:
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                if not self._flock(descriptor):
                    raise self._locked(holder(self.path))
                if not self._is_current(descriptor):  # its holder released (unlinked) it while we opened it
                    os.close(descriptor)
                    continue
                before = holder(self.path)
                if before is not None and not before.is_gone:
                    raise self._locked(before)
                self.replaced = before
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, json.dumps(asdict(Holder.me())).encode() + b"\n", 0)
                os.fsync(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            return descriptor

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    @staticmethod
    def _flock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: what the file says has to do
            return True
        return True

    def _locked(self, by: Holder | None) -> UserError:
        run = self.path.parent
        if by is None:  # caught between its creation and its first line
            return UserError(f"{run} is being written by another process", hint=_WAIT, code=Exit.LOCKED)
        message = f"{run} is being written by process {by.pid} on {by.host}, started {by.started}"
        hint = _WAIT if by.is_here else f"if that process is gone, delete {self.path}"
        return UserError(message, hint=hint, code=Exit.LOCKED)

    def release(self) -> None:
        """Give the run free; the file goes first, so that nobody can take a lock that is about to vanish."""
        self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


_WAIT = "wait until it has finished, or stop it; `workbench runs` shows what is running"
