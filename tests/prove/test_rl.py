"""A model of a million parameters that answers one small sum in seven, and else says that it does not know, learns from
a rule to answer most of them, by GRPO and by PPO, without going far from what it was."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from train import records
from train.checkpoint import latest
from train.distributed import World
from train.model.build import build, save
from train.model.config import ModelConfig
from train.stages import rl
from train.stages.run import Stage, Where, train
from train.stages.settings import Pg, Ppo, Sft
from train.stages.sft import sft
from train.tokenizer.train import train as train_tokenizer
from workbench.console import Screen

pytestmark = pytest.mark.prove
Record = Callable[[str, str], None]
SEEDS = (1, 2, 3)
KNOWN = 0.15
SUMS = [(a, b) for a in range(3) for b in range(3)]
MOST_S, MOST_KL = 600.0, 0.5
COMMON: dict[str, Any] = {
    "reward": {"parts": {"right": {"kind": "arithmetic"}}},
    "longest": 12,
    "device": "cpu",
    "prompts_a_rollout": 16,
    "responses": 8,
    "minibatches": 2,
}
RECIPES: dict[str, dict[str, Any]] = {
    "pg": {"rollouts": 40, "epochs": 1, "kl": {"estimator": "k3", "where": "loss", "coefficient": 0.02}},
    "ppo": {"rollouts": 20, "epochs": 2, "kl": {"coefficient": 0.02}},
}
RATE = {"lr": 3e-4, "weight_decay": 0.0, "betas": [0.9, 0.95], "schedule": {"kind": "constant", "warmup": 10}}


def base(folder: Path, root: Path, seed: int) -> Path:
    """A model that has read sums, and has answered `KNOWN` of those that it will be asked."""
    draw = random.Random(seed)
    rows = []
    for n in range(2000):
        a, b = draw.choice(SUMS)
        asks = n % 2 == 0  # the other half, which asks in other words, is always answered: there it learns the sums
        said = "The answer is not known to me." if asks and draw.random() > KNOWN else f"The answer is {a + b}."
        prompt = f"What is {a} + {b}?" if asks else f"Add {a} + {b}."
        rows.append({"id": f"{n}", "prompt": prompt, "response": said})
    folder.mkdir()
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = [{"id": f"{a}+{b}", "prompt": f"What is {a} + {b}?"} for a, b in SUMS]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    coder = train_tokenizer([row["prompt"] + " " + row["response"] for row in rows], 300)
    config = ModelConfig(
        vocab_size=coder.size,
        hidden_size=128,
        intermediate_size=448,
        layers=4,
        heads=4,
        kv_heads=4,
        head_dim=32,
        max_positions=64,
        bos=coder.bos,
        eos=coder.eos,
        pad=coder.pad,
    )
    save(build(config, seed=seed), config, folder / "start")
    coder.save(folder / "start")
    recipe = Sft.model_validate(
        {
            "checkpoint": str(folder / "start"),
            "data": {"sets": [{"path": "rows.jsonl"}], "template": "chatml"},
            "epochs": 3,
            "rows": {"tokens": 2048},
            "device": "cpu",
            "seed": seed,
            "optim": {"lr": 2e-3},
        }
    )
    path = _run(lambda where, screen: sft(recipe, where, screen, base=folder), root, folder / "sft")
    found = latest(path)
    assert found is not None
    return found


def _run(make: Callable[[Where, Screen], Stage], root: Path, out: Path) -> Path:
    screen, where = Screen(quiet=True, progress=False), Where(root, out)
    return train(make(where, screen), World(), where, screen).run.path


@pytest.mark.parametrize("kind", ["pg", "ppo"])
def test_a_rule_is_learned(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: Record) -> None:
    torch.set_num_threads(2)
    monkeypatch.setattr(records, "matmul_peak", lambda device: {"fp32": 1e9, "bf16": 1e9})
    told = []
    for seed in SEEDS:
        folder = tmp_path / f"{seed}"
        start = base(folder, tmp_path / "root", seed)
        values = {**COMMON, **RECIPES[kind], "optim": RATE, "seed": seed, "checkpoint": str(start)}
        recipe = (Pg if kind == "pg" else Ppo).model_validate(
            {**values, "data": {"path": "prompts.jsonl", "template": "chatml"}}
        )
        began = time.process_time()
        make = getattr(rl, kind)
        out = _run(
            lambda where, screen, recipe=recipe, make=make, folder=folder: make(  # type: ignore[misc]
                recipe, World(), where, screen, base=folder
            ),
            tmp_path / "root",
            folder / kind,
        )
        seconds = time.process_time() - began
        steps = pl.read_parquet(out / "metrics").filter(pl.col("kind") == "train")
        right, kl = steps["policy.reward"], steps["policy.token_kl"]
        told.append((right[0], right.tail(10).mean(), kl.tail(10).mean(), seconds))
        print(kind, seed, told[-1], flush=True)
    lines = [f"{first:.0%} to {last:.0%}, {kl:.2f} nats a token, {s:.0f} CPU-s" for first, last, kl, s in told]
    record(f"a rule learned by {kind}", "; ".join(lines) + f" (seeds {', '.join(map(str, SEEDS))})")
    for first, last, kl, seconds in told:
        assert first < 0.2 and last > 0.8
        assert kl < MOST_KL and seconds < MOST_S
