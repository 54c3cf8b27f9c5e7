"""The training runs of the demo: a tokenizer, small models of several depths, and every stage that follows them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dashboard.demo import spoken
from dashboard.demo.workshop import ROOT, Workshop

QUIET = ("--no-progress", "--device", "cpu", "--seed", "1")
BASES = {"base-1": (1, 0.006), "base-2": (2, 0.006), "base-3": (3, 0.003)}
"""Depth and learning rate of the pretrained models."""
TOKENS = 600_000
TAUGHT = {
    "chat": ("sft", ("--from", f"{ROOT}/base-2")),
    "reward": ("reward", ("--from", f"{ROOT}/chat")),
    "chat-dpo": ("dpo", ("--from", f"{ROOT}/chat")),
    "chat-grpo": ("pg", ("--from", f"{ROOT}/chat")),
    "chat-ppo": ("ppo", ("--from", f"{ROOT}/chat", "--reward", f"{ROOT}/reward")),
}
"""Runs, their stages and what they begin from."""


def sets(**values: object) -> list[str]:
    """Settings as `--set` takes them; `__` stands for a point."""
    return [part for name, value in values.items() for part in ("--set", f"{name.replace('__', '.')}={value}")]


def make(shop: Workshop) -> None:
    """All of them."""
    shop.run("train", "tokenizer", "--data", f"{ROOT}/mild", "--vocab-size", "512", "--no-progress", out="tokenizer")
    for name, (depth, lr) in BASES.items():
        shop.run("train", *pretrain(depth, lr), out=name)
    _interrupted(shop)
    shop.write("demonstrations.jsonl", spoken.demonstrations())
    shop.write("preferences.jsonl", spoken.preferences())
    shop.write("prompts.jsonl", ({"id": str(place), "prompt": one} for place, one in enumerate(spoken.prompts())))
    for name, (stage, arguments) in TAUGHT.items():
        shop.run("train", stage, "stages.yaml", *arguments, *QUIET, out=name)


def pretrain(depth: int, lr: float) -> Sequence[str]:
    """The command of a base model, without its directory."""
    shape = sets(
        model__hidden_size=24, model__intermediate_size=72, model__heads=2, model__kv_heads=2, model__head_dim=12
    )
    loop = sets(rows__tokens=1024, text__prepare__held_out=0.1, keep=1, evaluate_every=50, sample_every=200)
    data = ("--data", f"{ROOT}/mixed", "--tokenizer", f"{ROOT}/tokenizer", "--depth", str(depth), "--context", "128")
    rate = sets(optim__optimizer="muon", optim__lr=lr, optim__muon_lr=lr * 4, prompts="['The harbour', 'A moraine is']")
    return ["pretrain", *data, "--tokens", str(TOKENS), *QUIET, *shape, *loop, *rate]


def _interrupted(shop: Workshop) -> None:
    """A training that was stopped after 260 steps, and goes on when its command is given again."""
    if (shop.root / "base-stopped" / "started.json").is_file():
        return
    command = [*pretrain(2, 0.02), "--out", f"{ROOT}/base-stopped", "--root", ROOT]
    shop.call([sys.executable, "-m", "dashboard.demo.stopped", "260", *command], codes=(130, 143))
