"""Small policies and what they are asked; as a script, trainings that are killed with signal 9 again and again until
they have come to their end, each in OUT/kind.

python policies.py FOLDER OUT SEED '{"pg": {options}, ...}': prints how often each was killed.
torchrun ... policies.py FOLDER OUT layout '{"pg": {options}, ...}': the trainings in several processes.
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

import pyarrow
import torch

from train import records
from train.checkpoint import latest
from train.distributed import World, open_world
from train.model.build import build, save, weights_digest
from train.model.config import ModelConfig
from train.stages import rl
from train.stages.run import Trained, Where, train
from train.stages.settings import Pg, Ppo
from train.tokenizer.tokenizer import Tokenizer
from train.tokenizer.train import train as train_tokenizer
from workbench.console import Screen
from workbench.files import sha256

torch.set_num_threads(1)
records.matmul_peak = lambda device: {"fp32": 1e9, "bf16": 1e9}  # type: ignore[assignment]  # the probe takes a second
WANTED = {
    "parts": {"a": {"kind": "regex", "pattern": "[0-4a]"}, "short": {"kind": "length", "most": 1, "weight": 0.25}}
}
"""Responses with an `a` or a small digit in them, of one word."""


def make(folder: Path, size: int = 32) -> Path:
    """A base of random weights, prompts, and a text, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": f"row {n}", "prompt": f"{n}?"} for n in range(12)]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "text.txt").write_text("\n\n".join(f"abc {n} cab {n * n} bac" for n in range(200)))
    coder = train_tokenizer(["0123456789? abc"] * 4, 360)
    config = ModelConfig(
        vocab_size=coder.size,
        hidden_size=size,
        intermediate_size=size * 3 // 2,
        layers=2,
        heads=4,
        kv_heads=2,
        head_dim=size // 4,
        max_positions=48,
        bos=coder.bos,
        eos=coder.eos,
        pad=coder.pad,
    )
    save(build(config, seed=3), config, folder / "base")
    coder.save(folder / "base")
    return folder


def recipe(folder: Path, kind: str = "pg", **more: Any) -> Pg | Ppo:
    """A recipe that takes seconds."""
    values = {
        "checkpoint": str(folder / "base"),
        "data": {"path": "prompts.jsonl", "template": "chatml"},
        "reward": WANTED,
        "device": "cpu",
        "rollouts": 4,
        "prompts_a_rollout": 4,
        "responses": 4,
        "longest": 6,
        "without_end": "reward",  # it has never learned to end an answer
        "epochs": 2,
        "minibatches": 2,
        "optim": {"lr": 3e-3, "weight_decay": 0.0, "schedule": {"kind": "constant", "warmup": 0}},
        **more,
    }
    return (Pg if kind == "pg" else Ppo).model_validate(values)


def trained(folder: Path, out: Path, kind: str = "pg", world: World | None = None, **more: Any) -> Trained:
    """The finished run of a policy."""
    screen = Screen(quiet=True, progress=False)
    where, world = Where(folder / "root", out), world or World()
    made = recipe(folder, kind, **more)
    stage = getattr(rl, kind)(made, world, where, screen, base=folder)
    return train(stage, world, where, screen)


def tokenizer(folder: Path) -> Tokenizer:
    """Of the base."""
    return Tokenizer.open(folder / "base")


def digest(out: Path) -> str:
    """Of the last weights, with those of a critic where there is one."""
    last = latest(out)
    assert last is not None
    critic = last / "critic.safetensors"
    return weights_digest(last) + (sha256(critic) if critic.is_file() else "")


def killed(folder: Path, out: Path, kind: str, draw: random.Random, kills: int, options: dict[str, Any]) -> int:
    """Train in children that are killed at random moments; how many it took."""
    for attempt in range(100):
        child = os.fork()
        if not child:
            trained(folder, out, kind, **options)
            os._exit(0)
        if attempt < kills:
            time.sleep(draw.uniform(0.2, 0.8))
            os.kill(child, signal.SIGKILL)
        if os.waitpid(child, 0)[1] == 0:
            return attempt
    sys.exit("it never came to its end")


def main() -> None:
    folder, out, what = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[4])
    if sys.argv[3] == "layout":
        with open_world("cpu") as world:
            for kind, options in what.items():
                trained(folder, out / kind, kind, world, **options)
        return
    draw = random.Random(int(sys.argv[3]))
    pyarrow.array([0])  # loads what every child would
    print(json.dumps({kind: killed(folder, out / kind, kind, draw, 3, options) for kind, options in what.items()}))


if __name__ == "__main__":
    main()
