"""Tables and shares as the documents have them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; columns of numbers are set to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    numbers = [all(re.fullmatch(r"[0-9.,]*", row[i]) for row in cells) for i in range(len(header))]
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join("---:" if one else "---" for one in numbers) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in cells)])


def percent(part: int, whole: int) -> str:
    """A share in per cent, with two decimals."""
    return f"{100 * part / whole:.2f}"
