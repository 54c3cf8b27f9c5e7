"""The command line of `train`: it knows its version and, so far, no command."""

from __future__ import annotations

from workbench import console

app = console.app("train", "Models from datasets. This version has no commands yet.")


def main() -> None:
    """The console script."""
    app()
