"""Alarms that somebody has seen: quiet until a day that is named, and loud again after it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from evalkit.report import windows
from workbench.events import now

FILE = "acknowledged.jsonl"


def acknowledge(home: Path, about: str, until: datetime, by: str) -> None:
    """Write down that `by` knows of an alarm; it is quiet in reports of windows before `until`."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / FILE).open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"about": about, "until": windows.name(until), "by": by, "time": now()}) + "\n")


def until(home: Path) -> dict[str, str]:
    """By alarm, the name of the window from which it is loud again; the last word on each counts."""
    try:
        lines = (home / FILE).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        try:
            row = json.loads(line)
            found[str(row["about"])] = str(row["until"])
        except (ValueError, KeyError, TypeError):
            continue  # a line that a crash has cut
    return found
