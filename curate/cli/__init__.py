"""The command line of the curator: `curate --help`."""

from curate.cli.commands import main

__all__ = ["main"]
