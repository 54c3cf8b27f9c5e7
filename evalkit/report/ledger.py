"""What was reported and when: `ledger.jsonl`, one line a report, written only by whoever holds the plan's lock."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

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


_FIELDS = {field.name for field in fields(Entry)}


def read(folder: Path) -> list[Entry]:
    """The entries of a plan's folder, oldest first; a torn last line, which a crash left, is no entry."""
    # A line that is torn is no entry: the report itself is there, and is entered again.
    return [Entry(**row) for row in read_rows(folder / LEDGER) if row.keys() == _FIELDS]


def append(folder: Path, plan: str, window: str, verdict: str, code: int, missed: int) -> Entry:
    """Enter a report; on the disk when this returns."""
    entry = Entry(plan, window, verdict, code, missed, now())
    append_rows(folder / LEDGER, [asdict(entry)])
    return entry


def append_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append lines of JSON, behind a torn line on a line of their own; on the disk when this returns."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, b"\n" * torn + b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects in a file of lines of JSON; lines that a crash has torn are left out."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row
