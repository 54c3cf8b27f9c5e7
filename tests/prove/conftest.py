"""Proofs that take long: their figures are written to docs/prove.md, with the command that made them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "prove.md"
_HEAD = """# Proofs

Written by `make prove`; each line is one proof and what it found.

"""


@pytest.fixture(scope="session")
def record() -> Iterator[Callable[[str, str], None]]:
    """Notes a figure; those of one session replace the lines of the same name."""
    noted: dict[str, str] = {}

    def note(name: str, found: str) -> None:
        noted[name] = f"- **{name}**: {found}"

    yield note
    # Read now: what other proofs wrote in the meantime stays.
    lines = {}
    if DOCUMENT.exists():
        for line in DOCUMENT.read_text("utf-8").splitlines():
            if line.startswith("- **"):
                lines[line.split("**")[1]] = line
    lines |= noted
    DOCUMENT.write_text(_HEAD + "\n".join(lines[name] for name in sorted(lines)) + "\n", "utf-8")
