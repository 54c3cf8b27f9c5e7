"""An evaluation that is killed with signal 9 again and again, until it has come to its end.

python killed.py FOLDER answers|files: before every few answers of the model, or at every second operation on files.
Prints how often it was killed. Children are forked, so what is heavy is imported once.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Any

from hashed_model import HashedModel
from killing import counter, die

from evalkit.run import ask, make, tables
from evalkit.run.settings import EvalSettings
from workbench import files
from workbench.endpoints.cache import Cache

ask.UNIT_REQUESTS = 16  # many units of few items


def die_before(last: int, number: int) -> None:
    """Kill this process ahead of one answer."""
    if number == last:
        die()


def die_at(operation: int) -> None:
    """Kill this process at its n-th operation on files: ahead of it, or after it where it is the commit of a unit."""
    counted = counter(operation)
    Cache.put_all = counted(Cache.put_all, after=True)  # type: ignore[method-assign]
    files.sync = counted(files.sync)
    files.remove = counted(files.remove)
    make.remove = counted(make.remove)
    tables.ShardWriter.append = counted(tables.ShardWriter.append)  # type: ignore[method-assign]
    Path.rename = counted(Path.rename)  # type: ignore[method-assign]
    Path.replace = counted(Path.replace)  # type: ignore[method-assign]


def evaluate(folder: Path, out: Path, *, shared: bool, before: Any = lambda number: None) -> HashedModel:
    """The evaluation of the tasks in the folder."""
    model = HashedModel("a", before=before)
    tasks = tuple(sorted(str(path) for path in folder.glob("*.yaml")))
    settings = EvalSettings(model=model.name, tasks=tasks, data_root=(str(folder),))
    root = out.parent / "workspace"
    make.evaluate(make.Evaluation.of(settings, model, root, folder), root, out=out, shared=shared)
    return model


def main() -> None:
    folder, how = Path(sys.argv[1]), sys.argv[2]
    for attempt in range(400):
        child = os.fork()
        if not child:
            if how == "files":
                die_at(2 * attempt + 1)
            last = 7 + attempt % 23 if how == "answers" else -1
            evaluate(folder, folder / "killed" / "run", shared=False, before=functools.partial(die_before, last))
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            print(attempt)
            return
    sys.exit("it never came to its end")


if __name__ == "__main__":
    main()
