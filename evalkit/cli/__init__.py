"""The command line of the judge: `evalkit --help`."""

from evalkit.cli.commands import main

__all__ = ["main"]
