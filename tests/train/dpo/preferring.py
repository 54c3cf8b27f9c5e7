"""Small trainings on pairs whose better side names a fox, and a base to learn that with; as a script, such
trainings that are killed with signal 9 again and again until each has come to its end.

python preferring.py FOLDER OUT SEED KILLS '{"name": {options}, ...}': the trainings in OUT/name; prints how often
each was killed and the digest of its last weights.
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
from train.distributed import World
from train.dpo import reference
from train.model.build import build, save
from train.model.config import ModelConfig
from train.preferences.load import PreferenceData, PreferenceSet
from train.stages.dpo import dpo
from train.stages.run import Stage, Trained, Where, train
from train.stages.settings import Dpo
from train.tokenizer.train import train as train_tokenizer
from workbench.console import Screen
from workbench.files import sha256

torch.set_num_threads(1)
records.matmul_peak = lambda device: {"fp32": 1e9, "bf16": 1e9}  # type: ignore[assignment]  # the probe takes a second
reference.BLOCK = 16  # several blocks of 60 prompts


def make(folder: Path, kind: str = "llama", seed: int = 3) -> Path:
    """A base, pairs (every third with three ranked answers) and thumbs in a folder."""
    draw = random.Random(0)

    def said(fox: bool) -> str:
        some = [draw.choice(["dog", "cat", "hen", "cow", "owl"]) for _ in range(draw.randrange(2, 6))]
        return " ".join([*some, "fox"] if fox else some)

    rows: list[dict[str, Any]] = []
    for number in range(60):
        prompt = f"animal {number}?"
        if number % 3:
            rows.append({"prompt": prompt, "chosen": said(True), "rejected": said(False)})
        else:
            rows.append({"prompt": prompt, "responses": [said(False), said(True), said(False)], "ranks": [2, 1, 3]})
    thumbs = [{"prompt": f"bird {n}?", "response": said(n % 2 == 0), "label": n % 2 == 0} for n in range(60)]
    folder.mkdir(parents=True, exist_ok=True)
    for name, some in (("rows", rows), ("thumbs", thumbs)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
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
    for name, number in (("base", seed), ("other", seed + 1)):
        save(build(config, seed=number), config, folder / name)
        tokenizer.save(folder / name)
    return folder


def recipe(folder: Path, data: str = "rows.jsonl", **more: Any) -> Dpo:
    """A recipe of a few steps."""
    return Dpo.model_validate(
        {
            "checkpoint": str(folder / "base"),
            "data": PreferenceData(sets=[PreferenceSet(path=data)], template="chatml"),
            "device": "cpu",
            "prompts_a_step": 6,
            "held_out": 0.2,
            "epochs": 2,
            "rows": {"micro": 2},
            "optim": {"lr": 2e-3, "weight_decay": 0.0},
            **more,
        }
    )


def stage(folder: Path, out: Path, **more: Any) -> tuple[Stage, Where, Screen]:
    """The stage before it runs."""
    screen, where = Screen(quiet=True, progress=False), Where(folder / "root", out)
    return dpo(recipe(folder, **more), where, screen, base=folder), where, screen


def trained(folder: Path, out: Path, **more: Any) -> Trained:
    """The finished run."""
    made, where, screen = stage(folder, out, **more)
    return train(made, World(), where, screen)


def weights(out: Path) -> str:
    """SHA-256 of the last weights, of the model or of its adapter."""
    found = latest(out)
    assert found is not None
    return sha256(next(found.glob("*model.safetensors")))


def killed(folder: Path, out: Path, draw: random.Random, kills: int, options: dict[str, Any]) -> int:
    """Train in children that are killed at random moments; how many it took."""
    for attempt in range(100):
        child = os.fork()
        if not child:
            trained(folder, out, **options)
            os._exit(0)
        if attempt < kills:
            time.sleep(draw.uniform(0.15, 0.7))
            os.kill(child, signal.SIGKILL)
        if os.waitpid(child, 0)[1] == 0:
            return attempt
    sys.exit("it never came to its end")


def main() -> None:
    folder, out, seed, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    pyarrow.array([0])  # loads what every child would
    found = {}
    for name, options in json.loads(sys.argv[5]).items():
        attempts = killed(folder, out / name, random.Random(seed), kills, options)
        found[name] = attempts, weights(out / name)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
