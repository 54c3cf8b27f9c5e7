"""Small reward trainings: pairs whose better side names a fox, and a base to learn that with; as a script, one such
training that is killed with signal 9 again and again until it has come to its end.

python judges.py FOLDER OUT SEED KILLS OPTIONS: prints how often it was killed and the digest of the finished model.
torchrun ... judges.py FOLDER OUT layout OPTIONS: the training in several processes, in OUT/ddp and in OUT/fsdp.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import torch

from train import records
from train.distributed import Sharding, World, open_world
from train.model.build import build, save, weights_digest
from train.model.config import ModelConfig
from train.preferences.load import PreferenceData, PreferenceSet
from train.stages.reward import reward
from train.stages.run import Trained, Where, train
from train.stages.settings import Reward
from train.tokenizer.train import train as train_tokenizer
from workbench.console import Screen

torch.set_num_threads(1)
records.matmul_peak = lambda device: {"fp32": 1e9, "bf16": 1e9}  # type: ignore[assignment]  # the probe takes a second


def make(folder: Path, kind: str = "llama") -> Path:
    """A base and its rows in a folder."""
    words = ["dog", "cat", "hen", "cow", "owl"]
    draw = random.Random(0)

    def said(fox: bool) -> str:
        some = [draw.choice(words) for _ in range(draw.randrange(2, 6))]
        return " ".join([*some, "fox"] if fox else some)

    rows = [
        {"prompt": f"animal {n}?", "responses": [said(True), said(False), said(False)], "ranks": [1, 2, 2]}
        for n in range(60)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tokenizer = train_tokenizer([json.dumps(row) for row in rows], 400)
    config = ModelConfig(
        vocab_size=tokenizer.size,
        hidden_size=32,
        intermediate_size=48,
        layers=2,
        heads=4,
        kv_heads=2,
        head_dim=8,
        max_positions=64,
        bos=tokenizer.bos,
        eos=tokenizer.eos,
        pad=tokenizer.pad,
        kind=kind,
    )
    save(build(config, seed=3), config, folder / "base")
    tokenizer.save(folder / "base")
    return folder


def trained(folder: Path, out: Path, world: World | None = None, **more: Any) -> Trained:
    """The finished run of a reward model."""
    recipe = Reward.model_validate(
        {
            "checkpoint": str(folder / "base"),
            "data": PreferenceData(sets=[PreferenceSet(path="rows.jsonl")], template="chatml"),
            "device": "cpu",
            "prompts_a_step": 6,
            "held_out": 0.2,
            "epochs": 2,
            "optim": {"lr": 3e-3, "weight_decay": 0.0},
            **more,
        }
    )
    screen = Screen(quiet=True, progress=False)
    where = Where(folder / "root", out)
    return train(reward(recipe, where, screen, base=folder), world or World(), where, screen)


def main() -> None:
    folder, out, options = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[-1])
    if sys.argv[3] == "layout":
        shardings: tuple[Sharding, ...] = ("ddp", "fsdp")
        with open_world("cpu") as world:
            for sharding in shardings:
                trained(folder, out / sharding, replace(world, sharding=sharding), sharding=sharding, **options)
        return
    draw, kills = random.Random(int(sys.argv[3])), int(sys.argv[4])
    pyarrow.array([0])  # loads what every child would
    for attempt in range(100):
        child = os.fork()
        if not child:
            trained(folder, out, **options)
            os._exit(0)
        if attempt < kills:
            time.sleep(draw.uniform(0.2, 1.0))
            os.kill(child, signal.SIGKILL)
        if os.waitpid(child, 0)[1] == 0:
            print(attempt, weights_digest(out / "model"))
            return
    sys.exit("it never came to its end")


if __name__ == "__main__":
    main()
