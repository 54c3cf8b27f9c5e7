"""A worker process of `executor.run_units`: reads units from one pipe, writes what becomes of them to another.

Frames are a length (four bytes, little-endian) and that much JSON. To the worker: first the set-up, then units, one at
a time, and `{}` where there are no more; then there may be another set-up. From it: `ready`, `progress`, for each unit
`done` or `failed`, and `rested` after the last one.
"""

import faulthandler
import gc
import json
import os
import signal
import struct
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from workbench.processes import SELDOM, die_with_parent, resident_mb
from workbench.units import Unit, Work, do, failure, load

HEADER = struct.Struct("<I")


def send(descriptor: int, message: dict[str, Any]) -> None:
    """Write one frame."""
    data = json.dumps(message).encode()
    data = HEADER.pack(len(data)) + data
    while data:
        data = data[os.write(descriptor, data) :]


def receive(descriptor: int) -> dict[str, Any] | None:
    """Read one frame; None at the end of the pipe."""
    head = _read(descriptor, HEADER.size)
    body = _read(descriptor, HEADER.unpack(head)[0]) if head else b""
    return json.loads(body) if body else None


def _read(descriptor: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = os.read(descriptor, size - len(data))
        if not part:
            return b""
        data += part
    return data


def main(source: int, target: int, parent: int) -> NoReturn:
    """Serve units from descriptor `source` until it ends; never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
    die_with_parent(parent)
    faulthandler.enable()
    resident, often = resident_mb(), gc.get_threshold()
    while (setup := receive(source)) is not None:
        try:
            directory = Path(setup["directory"])
            gc.set_threshold(*SELDOM)
            with load(setup["function"])(setup["setup"]) as work:
                gc.set_threshold(*often)
                send(target, {"kind": "ready"})
                while message := receive(source):
                    send(target, _one(work, Unit(**message), directory, target))
        except Exception as error:  # the set-up failed, or its clean-up: no unit to blame
            send(target, {"kind": "broken", "failure": asdict(failure(error))})
            sys.exit(1)
        if message is None:
            break
        del work
        gc.collect()
        send(target, {"kind": "rested", "resident_mb": resident()})
    sys.exit(0)


def _one(work: Work, unit: Unit, directory: Path, target: int) -> dict[str, Any]:
    def progress(fraction: float, counts: dict[str, int]) -> None:
        send(target, {"kind": "progress", "fraction": fraction, "counts": counts})

    try:
        return {"kind": "done", "result": do(work, unit, directory, progress)}
    except Exception as error:
        return {"kind": "failed", "failure": asdict(failure(error))}


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
