"""The command line of the trainer: `train --help`."""

from train.cli.commands import main

__all__ = ["main"]
