"""One life of the child: its pipes, its replies, and what it died of."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

from workbench.sandbox import frames

START_S = 120.0
WALL, CPU = "wall", "cpu"
_TAIL = 4000
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031  # linux/fcntl.h


class Reply(NamedTuple):
    """What came of a request: `error` is None, or a short reason and then header and payload are empty."""

    header: dict[str, Any]
    payload: bytes
    error: str | None
    elapsed_s: float


class SandboxError(RuntimeError):
    """The child cannot be started at all: its own import or setup fails. Not the fault of any request."""


class Process:
    """A running child. `retiring` turns true when it should answer what it was sent and then be replaced.

    Raises SandboxError when the target cannot be imported or set up.
    """

    def __init__(
        self,
        target: str,
        setup: dict[str, Any],
        memory_mb: int,
        output_bytes: int,
        recycle_requests: int,
        start_s: float,
    ) -> None:
        self._resident_mb, self._most_mb = 0.0, float("inf")
        self._output_bytes = output_bytes
        self._left = recycle_requests
        self.retiring = False
        config = {"parent": os.getpid(), "memory_mb": memory_mb, "output_bytes": output_bytes, "setup": setup}
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "workbench.sandbox", target, json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
        assert self._popen.stdin and self._popen.stdout and self._popen.stderr
        self._pipes = (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        self._stdin, self._stdout, self._stderr = (pipe.fileno() for pipe in self._pipes)
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)
        _widen(self._stdin)
        _widen(self._stdout)
        self._poll = select.poll()
        self._poll.register(self._stdout, select.POLLIN)
        self._poll.register(self._stderr, select.POLLIN)
        self._writing = False
        self._outbox: deque[memoryview] = deque()
        self._inbox = bytearray()
        self._said = b""
        ready = self.receive(start_s)
        if isinstance(ready, str):
            said = self._said.decode(errors="replace").strip()
            raise SandboxError(f"{target} does not start in the sandbox: {said or ready}")
        self.network = str(ready.header["network"])
        # It may take half of the memory that it leaves free at its start: answers need room, too.
        self._most_mb = (self._resident_mb + memory_mb) / 2

    def send(self, header: dict[str, Any], payload: bytes, cpu_s: float) -> None:
        """Queues a request; what the pipe takes at once is written at once."""
        line = json.dumps(header).encode()
        self._outbox.append(memoryview(frames.REQUEST.pack(len(line), len(payload), cpu_s) + line))
        if payload:
            self._outbox.append(memoryview(payload))
        self._left -= 1
        self.retiring = self.retiring or self._left == 0
        self._write()

    def receive(self, wall_s: float) -> Reply | str:
        """The next reply; or, once the child is dead, why there is none: WALL, CPU, or words for the user."""
        deadline = time.perf_counter() + wall_s
        while True:
            try:
                reply = self._parse()
            except ValueError as error:
                return self._bury(str(error))
            if reply is not None:
                return reply
            left = deadline - time.perf_counter()
            if left <= 0:
                return self._bury(WALL)
            for pipe, _ in self._poll.poll(left * 1000 + 1):
                if pipe == self._stdin:
                    self._write()
                elif pipe == self._stderr:
                    self._hear()
                elif not self._read():
                    return self._bury(None)

    def stop(self) -> None:
        """Ends the child without an accusation: it leaves when its input ends."""
        self._pipes[0].close()
        try:
            self._popen.wait(0.5)
        except subprocess.TimeoutExpired:
            self._kill()
        self._close()

    def _parse(self) -> Reply | None:
        """A complete reply taken off the head of the inbox. Raises ValueError for one that must not be read on."""
        if len(self._inbox) < frames.REPLY.size:
            return None
        status, header_bytes, payload_bytes, elapsed_s, resident_mb = frames.REPLY.unpack_from(self._inbox)
        if header_bytes + payload_bytes > self._output_bytes + _PIPE_BYTES:
            raise ValueError(f"output over {self._output_bytes} bytes")
        begin = frames.REPLY.size + header_bytes
        end = begin + payload_bytes
        if len(self._inbox) < end:
            return None
        header = json.loads(self._inbox[frames.REPLY.size : begin])
        payload = bytes(memoryview(self._inbox)[begin:end])
        del self._inbox[:end]
        if status == frames.OUT_OF_MEMORY:
            raise ValueError("memory limit")
        self._resident_mb = resident_mb
        self.retiring = self.retiring or resident_mb > self._most_mb
        if status == frames.ERROR:
            return Reply({}, b"", str(header["error"]), elapsed_s)
        return Reply(header, payload, None, elapsed_s)

    def _read(self) -> bool:
        """Takes what the child has written; False at the end of its output."""
        try:
            data = os.read(self._stdout, _PIPE_BYTES)
        except BlockingIOError:
            return True
        self._inbox += data
        return bool(data)

    def _hear(self) -> None:
        """Keeps the last of what the child says on stderr: the reason of a death may be in it."""
        try:
            data = os.read(self._stderr, 1 << 16)
        except BlockingIOError:
            return
        self._said = (self._said + data)[-_TAIL:]
        if not data:
            self._poll.unregister(self._stderr)

    def _write(self) -> None:
        while self._outbox:
            try:
                sent = os.write(self._stdin, self._outbox[0])
            except BlockingIOError:
                break
            except BrokenPipeError:  # its death shows at the end of its output, after the replies it still gave
                self._outbox.clear()
                break
            self._outbox[0] = self._outbox[0][sent:]
            if not self._outbox[0]:
                self._outbox.popleft()
        if bool(self._outbox) == self._writing:
            return
        self._writing = not self._writing
        if self._writing:
            self._poll.register(self._stdin, select.POLLOUT)
        else:
            self._poll.unregister(self._stdin)

    def _bury(self, reason: str | None) -> str:
        """Makes sure the child is dead and says what it died of (`reason`, when the caller knows)."""
        self._kill()
        code = self._popen.returncode
        os.set_blocking(self._stderr, False)
        try:
            while data := os.read(self._stderr, 1 << 16):
                self._said = (self._said + data)[-_TAIL:]
        except BlockingIOError:  # a process that left the child's session still holds the pipe
            pass
        self._close()
        if reason is not None:
            return reason
        if code == -signal.SIGPROF:
            return CPU
        if b"MemoryError" in self._said or b"memory allocation of" in self._said:  # the latter is Rust's before abort()
            return "memory limit"
        if code == -signal.SIGKILL:
            return "child killed (signal 9), perhaps for memory"
        if code < 0:
            return f"child crashed (signal {-code})"
        words = self._said.decode(errors="replace").strip().rpartition("\n")[2][:300]
        return f"child ended (exit code {code})" + (f": {words}" if words else "")

    def _kill(self) -> None:
        """Kills the child and what it started. One that is already ending keeps its own exit code."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def _close(self) -> None:
        for pipe in self._pipes:
            pipe.close()


def _widen(pipe: int) -> None:
    """A pipe that holds a page or two, so that neither side waits for the other to take a part of one."""
    try:
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:  # not Linux, or above the user's pipe budget: slower, not wrong
        return


def _environment() -> dict[str, str]:
    """All the child sees of the environment: where modules and compiled code are, and what keeps it reproducible and
    single-threaded."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    kept = os.environ.get("NUMBA_CACHE_DIR")
    compiled = {"NUMBA_CACHE_DIR": str(Path(kept).absolute())} if kept else {}
    return {"PATH": os.defpath, "PYTHONPATH": path, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", **threads, **compiled}
