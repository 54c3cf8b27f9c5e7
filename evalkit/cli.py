"""The command line of `evalkit`: it knows its version and, so far, no command."""

from __future__ import annotations

from workbench import console

app = console.app("evalkit", "Verdicts on models and data. This version has no commands yet.")


def main() -> None:
    """The console script."""
    app()
