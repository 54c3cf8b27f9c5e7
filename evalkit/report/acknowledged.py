"""Alarms that somebody has seen: quiet until a day that is named, and loud again after it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from evalkit.report import windows
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
