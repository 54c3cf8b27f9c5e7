"""A training that is killed with signal 9 again and again, until it has come to its end.

python killed.py OUT OPTIONS moments|saving SEED: at `KILLS` random moments, or at every second operation on files in
turn while it saves. Prints how often it was killed and the digest of the last weights. Children are forked, so torch
is imported once; the parent trains nothing.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import toys

from workbench import files

KILLS = 7


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_at(operation: int) -> None:
    """Kill this process at its n-th operation on files that writes, counted from the first write of a checkpoint."""
    count = 0

    def counted(function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == operation:
                _die()
            return function(*arguments, **options)

        return call

    from train import checkpoint, metrics

    checkpoint.save_file = counted(checkpoint.save_file)
    files.sync = counted(files.sync)
    files.remove = counted(files.remove)
    checkpoint.remove = counted(checkpoint.remove)
    metrics.write_table = counted(metrics.write_table)
    Path.rename = counted(Path.rename)  # type: ignore[method-assign]
    Path.replace = counted(Path.replace)  # type: ignore[method-assign]
    Path.write_text = counted(Path.write_text)  # type: ignore[method-assign]


def _train(out: Path, options: dict[str, Any], operation: int) -> None:
    if operation:
        _die_at(operation)
    made = toys.trainer(out, **options)
    made.train()
    (out / "digest").write_bytes(toys.digest(made.model).encode())


def main() -> None:
    out, options, how = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
    draw = random.Random(int(sys.argv[4]))
    out.mkdir(parents=True)
    for attempt in range(400):
        child = os.fork()
        if not child:
            _train(out, options, 2 * attempt + 1 if how == "saving" else 0)
            os._exit(0)
        if how == "moments" and attempt < KILLS:
            time.sleep(draw.uniform(0.1, 0.9))
            os.kill(child, signal.SIGKILL)
        if os.waitpid(child, 0)[1] == 0:
            print(attempt, (out / "digest").read_text())
            return
    sys.exit("it never came to its end")


if __name__ == "__main__":
    main()
