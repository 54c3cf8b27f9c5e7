"""Inside the child: confine this process, load the target, answer requests until the input ends."""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from workbench.processes import SELDOM, die_with_parent, resident_mb
from workbench.sandbox import confine, frames

Handler = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]


def main() -> None:
    """`python -m workbench.sandbox package.module:make CONFIG`; started by `Process`, of no use by hand."""
    often = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    target, config = sys.argv[1], json.loads(sys.argv[2])
    network = confine.cut_network()
    die_with_parent(config["parent"])
    # What the handler prints must not tear the frames: its output goes to stderr, its input is empty.
    requests, replies = os.fdopen(os.dup(0), "rb", buffering=1 << 16), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    module, _, function = target.partition(":")
    handler: Handler = getattr(importlib.import_module(module), function)(config["setup"])
    confine.restrict(config["memory_mb"])
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resident = resident_mb()
    gc.freeze()  # what is loaded now stays: later collections need not look at it
    gc.set_threshold(*often)
    _answer(replies, frames.OK, {"network": network}, b"", 0.0, resident())
    while head := requests.read(frames.REQUEST.size):
        header_bytes, payload_bytes, cpu_s = frames.REQUEST.unpack(head)
        began = time.perf_counter()
        try:
            header, payload = json.loads(requests.read(header_bytes)), requests.read(payload_bytes)
            signal.setitimer(signal.ITIMER_PROF, cpu_s)
            status, (header, payload) = frames.OK, handler(header, payload)
        except MemoryError:
            status, header, payload = frames.OUT_OF_MEMORY, {}, b""
        except Exception as error:  # a fault of the library or of the input: this request fails, and the caller is told
            status, header, payload = frames.ERROR, {"error": f"{type(error).__name__}: {error}"[:500]}, b""
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if len(payload) > config["output_bytes"]:
            status, header, payload = frames.ERROR, {"error": f"output over {config['output_bytes']} bytes"}, b""
        _answer(replies, status, header, payload, time.perf_counter() - began, resident())
        header, payload = {}, b""  # the next request needs the room


def _answer(
    pipe: int, status: int, header: dict[str, Any], payload: bytes, elapsed_s: float, resident_mb: float
) -> None:
    line = json.dumps(header).encode()
    head = frames.REPLY.pack(status, len(line), len(payload), elapsed_s, resident_mb) + line
    sent = os.writev(pipe, [head, payload])
    if sent < len(head) + len(payload):
        rest = memoryview(head + payload)[sent:]
        while rest:
            rest = rest[os.write(pipe, rest) :]


if __name__ == "__main__":
    main()
