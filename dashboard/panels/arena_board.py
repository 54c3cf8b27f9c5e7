"""The board of an arena."""

from __future__ import annotations

from dashboard.workspace import RunRef


def show(run: RunRef, rater: str) -> None:
    """The board."""
