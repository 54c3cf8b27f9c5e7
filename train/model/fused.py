"""Element-wise parts of a layer."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last dimension, computed in fp32."""
    wide = x.float()
    return weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [rows, width, heads, size] turned by its positions; pairs are (i, i + size / 2). cos, sin: [rows, width, size / 2]."""
    a, b = x.chunk(2, -1)
    c, s = cos[:, :, None].to(x.dtype), sin[:, :, None].to(x.dtype)
    return torch.cat((a * c - b * s, b * c + a * s), -1)


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up."""
    return F.silu(gate) * up
