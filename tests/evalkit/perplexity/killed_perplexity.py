"""A measuring that is killed with signal 9 at every third operation on files, until it ends.

python killed_perplexity.py FOLDER: `FOLDER/t.jsonl` is measured into `FOLDER/killed`. Prints how often it was killed.
Children are forked, so what is heavy is imported once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from killing import counter

from evalkit.models.mock import Mock
from evalkit.models.types import Windows
from evalkit.perplexity import make, score, texts
from workbench import files, tables

score.UNIT_TEXTS = 3  # many units of few texts


def forget(*_: Any) -> None:
    """In place of waiting for the disk, which a killed process does not need: what it has written outlives it."""


files.sync = forget
tables.sync = forget


def die_at(operation: int) -> None:
    """Kill this process ahead of its n-th operation on files."""
    counted = counter(operation)
    files.sync = counted(files.sync)
    files.remove = counted(files.remove)
    tables.sync = counted(tables.sync)
    make.remove = counted(make.remove)
    Path.rename = counted(Path.rename)  # type: ignore[method-assign]
    Path.replace = counted(Path.replace)  # type: ignore[method-assign]


def measure(folder: Path, out: str) -> None:
    """Measure the texts in the folder."""
    root = folder / f"{out}-workspace"
    found = texts.open_texts(str(folder / "t.jsonl"), root)
    make.measure(make.Measuring.of([Mock(0), Mock(1)], found, Windows()), root, out=folder / out)


def in_child(folder: Path, out: str, operation: int = 0) -> bool:
    """Measure in a process of its own; whether it came to its end.

    This process uses none of what it imports: libraries that have started threads do not survive a fork.
    """
    child = os.fork()
    if not child:
        if operation:
            die_at(operation)
        measure(folder, out)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def main() -> None:
    folder = Path(sys.argv[1])
    if not in_child(folder, "whole"):
        sys.exit("it fails by itself")
    attempts = 0
    while attempts < 200 and not in_child(folder, "killed", 3 * attempts + 1):
        attempts += 1
    print(attempts)


if __name__ == "__main__":
    main()
