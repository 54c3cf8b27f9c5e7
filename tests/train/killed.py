"""Trainings that are killed with signal 9 again and again, until each has come to its end.

python killed.py OUT '{"name": [how, {options}], ...}' SEED: `KILLS` times before or after a random step of the
optimizer (how: moments), or at every second operation on files in turn while it saves (saving), in OUT/name. Prints by
name how often it was killed and the digest of the last weights. Children are forked, so that torch is imported once;
the parent trains nothing.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import pyarrow
import toys
from killing import counter, die

from workbench import files

KILLS = 7
FURTHEST = 9  # steps of one start, so that 40 steps see four kills at least


def _die_at(operation: int) -> None:
    """Kill this process at its n-th operation on files that writes, counted from the first write of a checkpoint."""
    from train import checkpoint, metrics

    counted = counter(operation)
    checkpoint.save_file = counted(checkpoint.save_file)
    files.sync = counted(files.sync)
    files.remove = counted(files.remove)
    checkpoint.remove = counted(checkpoint.remove)
    metrics.write_table = counted(metrics.write_table)
    Path.rename = counted(Path.rename)  # type: ignore[method-assign]
    Path.replace = counted(Path.replace)  # type: ignore[method-assign]
    Path.write_text = counted(Path.write_text)  # type: ignore[method-assign]


def _die_in_step(number: int, after: bool) -> None:
    """Kill this process before or after its n-th step of the optimizer."""
    from train.optim import Optimizers

    step = Optimizers.step
    count = 0

    def counted(self: Optimizers, share: float) -> None:
        nonlocal count
        count += 1
        if count == number and not after:
            die()
        step(self, share)
        if count == number:
            die()

    Optimizers.step = counted  # type: ignore[method-assign]


def _train(out: Path, options: dict[str, Any]) -> None:
    made = toys.trainer(out, **options)
    made.train()
    (out / "digest").write_bytes(toys.digest(made.model).encode())


def killed(out: Path, how: str, options: dict[str, Any], draw: random.Random) -> tuple[int, str]:
    """Train in children; how many of them were killed, and the digest of what came of it."""
    out.mkdir(parents=True)
    for attempt in range(400):
        number, after = draw.randint(1, FURTHEST), draw.random() < 0.5
        child = os.fork()
        if not child:
            if how == "saving":
                _die_at(2 * attempt + 1)
            elif attempt < KILLS:
                _die_in_step(number, after)
            _train(out, options)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return attempt, (out / "digest").read_text()
    sys.exit("it never came to its end")


def main() -> None:
    out, trainings, seed = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
    pyarrow.array([0])  # loads what every child would
    found = {name: killed(out / name, *training, random.Random(seed)) for name, training in trainings.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
