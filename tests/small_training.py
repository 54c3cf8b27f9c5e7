"""A tiny model and rows for tests of objectives, and the digest of what came of a training."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from train import records
from train.data.batch import IGNORED, Batch
from train.model.config import ModelConfig

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
    max_positions=64,
    tied=True,
)


class Rows:
    """A source of eight rows a step, the same in every process; the first ten labels of three rows are masked."""

    def __init__(self, per_row: bool = False) -> None:
        self.per_row = per_row

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        tokens = torch.randint(0, VOCABULARY, (ROWS, WIDTH + 1), generator=torch.Generator().manual_seed(1000 + step))
        labels = tokens[:, 1:].clone()
        labels[:3, :10] = IGNORED
        positions = torch.arange(WIDTH).expand(ROWS, -1)
        weight = float(ROWS) if self.per_row else float((labels != IGNORED).sum())
        names = tuple(f"row {row}" for row in range(ROWS))
        return [Batch(tokens[:, :-1], labels, positions, torch.zeros_like(positions), weight, names)]

    def seen(self, steps: int) -> dict[str, dict[str, float]]:
        return {"all": {"rows": float(ROWS * steps)}}


def digest(model: nn.Module) -> str:
    """SHA-256 of all weights."""
    hasher = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        hasher.update(name.encode() + value.detach().contiguous().numpy().tobytes())
    return hasher.hexdigest()
