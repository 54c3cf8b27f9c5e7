"""Alarms that somebody has seen: quiet until a day that is named, and loud again after it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from evalkit.report import ledger, windows
from evalkit.report.ledger import append_rows, read_rows
from workbench.events import now

FILE = "acknowledged.jsonl"


def acknowledge(home: Path, about: str, until: datetime, by: str) -> None:
    """Write down that `by` knows of an alarm; it is quiet in reports of windows before `until`."""
    home.mkdir(parents=True, exist_ok=True)
    append_rows(home / FILE, [{"about": about, "until": windows.name(until), "by": by, "time": now()}])


def until(home: Path) -> dict[str, str]:
    """By alarm, the name of the window from which it is loud again; the last word on each counts."""
    return {str(row["about"]): str(row["until"]) for row in read_rows(home / FILE) if {"about", "until"} <= row.keys()}


def standing(home: Path, alarms: Path) -> list[dict[str, Any]]:
    """The alarms of the last report that was entered: about, level, message, and until when each is quiet, or None."""
    entries = ledger.read(home)
    last = max((entry.window for entry in entries), default=None)
    quiet = until(home)
    found = []
    for row in read_rows(alarms):
        if row.get("window") == last:
            named = {name: str(row.get(name, "")) for name in ("about", "level", "message")}
            end = quiet.get(named["about"])
            found.append({**named, "window": last, "quiet_until": end if end is not None and end > str(last) else None})
    return found
