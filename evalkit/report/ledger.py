"""What was reported and when: `ledger.jsonl`, one line a report, written only by whoever holds the plan's lock."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench.events import now

LEDGER = "ledger.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """A report that is finished. window: its folder's name. missed: windows before it that nobody called for."""

    plan: str
    window: str
    verdict: str
    code: int
    missed: int
    time: str


def read(folder: Path) -> list[Entry]:
    """The entries of a plan's folder, oldest first; a torn last line, which a crash left, is no entry."""
    try:
        lines = (folder / LEDGER).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return list(_entries(lines))


def _entries(lines: list[bytes]) -> Iterator[Entry]:
    for line in lines:
        try:
            yield Entry(**json.loads(line))
        except (ValueError, TypeError):
            continue  # torn; the report itself is there, and is entered again


def append(folder: Path, plan: str, window: str, verdict: str, code: int, missed: int) -> Entry:
    """Enter a report; on the disk when this returns."""
    entry = Entry(plan, window, verdict, code, missed, now())
    descriptor = os.open(folder / LEDGER, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, b"\n" * torn + json.dumps(asdict(entry)).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return entry
