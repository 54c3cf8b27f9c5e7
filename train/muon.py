"""Muon: momentum whose matrices are made orthogonal before they are added (Jordan et al. 2024)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
EPS = 1e-7


class Muon(torch.optim.Optimizer):
    """Equal to `torch.optim.Muon` with its defaults, and exact for matrices that are sharded over processes too.

    An update needs its whole matrix, so a shard's momentum is gathered, made orthogonal on every rank, and cut again;
    torch's own would multiply shards and round each product to bf16 in another order.
    """

    def __init__(
        self, params: Iterable[Any], *, lr: float, weight_decay: float, momentum: float, scale: str = "original"
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "scale": scale})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; parameters without a gradient are left alone."""
        for group in self.param_groups:
            for value in group["params"]:
                if value.grad is None:
                    continue
                state = self.state[value]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(value)
                held = state["momentum_buffer"].lerp_(value.grad, 1 - group["momentum"])
                update = value.grad.lerp(held, group["momentum"])  # Nesterov's look ahead
                value.mul_(1 - group["lr"] * group["weight_decay"])
                value.add_(_spread(value, update), alpha=-group["lr"] * _scale(value.shape, group["scale"]))


def _spread(value: Tensor, update: Tensor) -> Tensor:
    if not isinstance(update, DTensor):
        return orthogonal(update)
    found = orthogonal(update.full_tensor())
    return distribute_tensor(found, update.device_mesh, update.placements, src_data_rank=None)


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest matrix with singular values about 1, by five quintic Newton-Schulz iterations in bf16."""
    a, b, c = NEWTON_SCHULZ
    found = matrix.bfloat16()
    tall = matrix.size(0) > matrix.size(1)
    found = found.T if tall else found
    found = found / found.norm().clamp(min=EPS)
    for _ in range(ITERATIONS):
        gram = found @ found.T
        found = torch.addmm(found, torch.addmm(gram, gram, gram, beta=b, alpha=c), found, beta=a)
    return found.T if tall else found


def _scale(shape: torch.Size, kind: str) -> float:
    """Keller Jordan's (`original`), or Moonshot's, by which an update has the size of AdamW's (arXiv 2502.16982)."""
    if kind == "original":
        return math.sqrt(max(1.0, shape[0] / shape[1]))
    return 0.2 * math.sqrt(max(shape))
