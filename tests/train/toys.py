"""A tiny model, its rows and its objective; as a script, trainings of them in processes of their own.

torchrun ... toys.py OUT '{"name": {"steps": 3, ...}, ...}': a training a name with ddp and one with fsdp, in
OUT/ddp/name and OUT/fsdp/name.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train import records
from train.data.batch import IGNORED, Batch
from train.distributed import Sharding, World, open_world
from train.loop import LoopSettings, Trainer
from train.losses import LanguageModel
from train.model.build import build
from train.model.config import ModelConfig
from train.objective import Sums
from train.step import Term

torch.set_num_threads(1)  # the same sums in every process
records.matmul_peak = lambda device: {"fp32": 1e9, "bf16": 1e9}  # type: ignore[assignment]  # the probe takes a second
VOCABULARY, WIDTH, ROWS = 50, 16, 8


LLAMA = ModelConfig(
    vocab_size=VOCABULARY,
    hidden_size=32,
    intermediate_size=48,
    layers=2,
    heads=4,
    kv_heads=2,
    head_dim=8,
    max_positions=WIDTH,
    tied=True,
)


class Toy(nn.Module):
    """Embedding 50x32, linear 32->64, ReLU, head 64->50; `dropout` between, to need the generator's state."""

    def __init__(self, dropout: float = 0.0, second_head: bool = False) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.embed = nn.Embedding(VOCABULARY, 32)
        self.layers = nn.ModuleList([nn.Linear(32, 64)])
        self.norm = nn.LayerNorm(64)
        self.lm_head = nn.Linear(64, VOCABULARY, bias=False)
        self.value_head = nn.Linear(64, 1) if second_head else None
        self.dropout = dropout

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = F.relu(self.layers[0](self.embed(tokens)))
        return F.dropout(self.norm(hidden), self.dropout, self.training)

    @property
    def head(self) -> Tensor:
        return self.lm_head.weight


def language(model: nn.Module, batch: Batch) -> Sums:
    """Next-token cross-entropy, and the share of labels that were foretold."""
    logits = F.linear(model(batch.tokens), model.head).flatten(0, 1)
    labels = batch.labels.flatten()
    loss = F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
    right = ((logits.argmax(-1) == labels) & (labels != IGNORED)).sum()
    return Sums(loss, batch.weight, {"accuracy": (right, batch.weight)})


def values(model: nn.Module, batch: Batch) -> Sums:
    """The squared distance of a second head to 1, a row: an objective that uses other parameters."""
    found = model.value_head(model(batch.tokens))[..., 0]
    return Sums((found[:, -1] - 1).pow(2).sum(), batch.weight)


class Rows:
    """Eight rows a step, cut into micro-batches of `micro`, dealt to ranks in blocks."""

    def __init__(self, micro: int = ROWS, steps: int = 10**9, per_row: bool = False) -> None:
        self.micro, self.steps, self.per_row = micro, steps, per_row

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        if step >= self.steps:
            return []
        generator = torch.Generator().manual_seed(1000 + step)
        tokens = torch.randint(0, VOCABULARY, (ROWS, WIDTH + 1), generator=generator)
        labels = tokens[:, 1:].clone()
        labels[:3, :10] = IGNORED
        share = ROWS // world
        mine = range(rank * share, (rank + 1) * share)
        return [self._batch(tokens, labels, list(mine[at : at + self.micro])) for at in range(0, share, self.micro)]

    def _batch(self, tokens: Tensor, labels: Tensor, rows: list[int]) -> Batch:
        positions = torch.arange(WIDTH).expand(len(rows), -1)
        weight = float(len(rows)) if self.per_row else float((labels[rows] != IGNORED).sum())
        names = tuple(f"row {row}" for row in rows)
        return Batch(tokens[rows, :-1], labels[rows], positions, torch.zeros_like(positions), weight, names)

    def seen(self, steps: int) -> dict[str, dict[str, float]]:
        return {"all": {"rows": float(ROWS * steps)}}


def settings(**values: Any) -> LoopSettings:
    """Settings of a short training."""
    optim = {"lr": 1e-2, "schedule": {"kind": "constant", "warmup": 0}, **values.pop("optim", {})}
    return LoopSettings.model_validate({"steps": 3, "optim": optim, **values})


def digest(model: nn.Module) -> str:
    """SHA-256 of all weights."""
    hasher = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        hasher.update(name.encode() + value.detach().contiguous().numpy().tobytes())
    return hasher.hexdigest()


def trainer(out: Path, world: World | None = None, *, model: nn.Module | None = None, **options: Any) -> Trainer:
    """A trainer of the toy; options of the toy are taken out, the rest are settings."""
    micro = options.pop("micro", ROWS)
    two = options.pop("two", False)
    terms = [Term(language, Rows(micro), name="language" if two else "")]
    if two:  # the last term leaves the language head out
        terms.append(Term(values, Rows(micro, per_row=True), 0.5, "values"))
    dropout = options.pop("dropout", 0.0)
    if options.pop("llama", False):
        model, terms = build(LLAMA, seed=3), [Term(LanguageModel(), Rows(micro))]
    model = model or Toy(dropout, two)
    given = {
        name: options.pop(name) for name in ("identity", "start", "evaluation", "sampler", "form") if name in options
    }

    return Trainer(model, terms, settings(**options), out, world=world, **given)


if __name__ == "__main__":
    shardings: tuple[Sharding, ...] = ("ddp", "fsdp")
    with open_world("cpu") as world:
        for sharding in shardings:
            for name, options in json.loads(sys.argv[2]).items():
                trainer(Path(sys.argv[1]) / sharding / name, replace(world, sharding=sharding), **options).train()
