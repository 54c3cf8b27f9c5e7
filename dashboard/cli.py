"""The command line of `dashboard`: it knows its version and, so far, no command."""

from __future__ import annotations

from workbench import console

app = console.app("dashboard", "Runs, looked at. This version has no commands yet.")


def main() -> None:
    """The console script."""
    app()
