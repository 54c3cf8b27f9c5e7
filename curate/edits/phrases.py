"""The data files of the edits: phrases and patterns in blocks of YAML."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data"


@cache
def table(name: str) -> dict[str, Any]:
    """A data file, read once per process."""
    read: dict[str, Any] = yaml.safe_load((DATA / f"{name}.yaml").read_text("utf-8"))
    return read


def phrases(block: str) -> list[str]:
    """The phrases of a block: separated by commas and line ends."""
    return [phrase for phrase in (part.strip() for part in re.split(r"[,\n]", block)) if phrase]


def any_of(block: str) -> str:
    """The patterns of a block, one to a line, as one alternation; lines that start with # are comments."""
    return "|".join(f"(?:{line})" for line in block.splitlines() if line and not line.startswith("#"))
