"""Rotary position embedding: frequencies of the four kinds, cosine and sine by position."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from train.model.config import Rope


def inverse_frequencies(rope: Rope, head_dim: int) -> tuple[Tensor, float]:
    """fp32 [head_dim / 2] turns (in radians) per position, and the factor of cosine and sine.

    default: Su et al. 2021 (RoFormer). linear: Chen et al. 2023 (position interpolation). llama3: Llama 3.1. yarn:
    Peng et al. 2023, whose `attention_factor` is 0.1 ln(factor) + 1. All as transformers 5 computes them.
    """
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
    plain = 1.0 / (rope.theta**exponents)
    if rope.kind == "linear":
        return plain / rope.factor, 1.0
    if rope.kind == "llama3":
        return _llama3(plain, rope), 1.0
    if rope.kind == "yarn":
        keep = 1 - _ramp(rope, head_dim)
        return plain / rope.factor * (1 - keep) + plain * keep, _yarn_factor(rope)
    return plain, 1.0


def _llama3(plain: Tensor, rope: Rope) -> Tensor:
    """Long waves are stretched, short ones kept, those between mixed by where they lie."""
    waves = 2 * math.pi / plain
    share = ((rope.original / waves - rope.low) / (rope.high - rope.low)).clamp(0, 1)
    mixed = (1 - share) * plain / rope.factor + share * plain
    stretched = torch.where(waves > rope.original / rope.low, plain / rope.factor, mixed)
    return torch.where(waves < rope.original / rope.high, plain, stretched)


def _ramp(rope: Rope, head_dim: int) -> Tensor:
    """How far each pair is interpolated: 0 up to the pair that turns `beta_fast` times, 1 from `beta_slow` on."""

    def pair(turns: float) -> float:
        return head_dim * math.log(rope.original / (turns * 2 * math.pi)) / (2 * math.log(rope.theta))

    low, high = pair(rope.beta_fast), pair(rope.beta_slow)
    if rope.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    span = high - low or 0.001
    return ((torch.arange(head_dim // 2, dtype=torch.float32) - low) / span).clamp(0, 1)


def _yarn_factor(rope: Rope) -> float:
    def scale(by: float) -> float:
        return 0.1 * by * math.log(rope.factor) + 1.0 if rope.factor > 1 else 1.0

    if rope.attention_factor is not None:
        return rope.attention_factor
    if rope.mscale and rope.mscale_all_dim:
        return scale(rope.mscale) / scale(rope.mscale_all_dim)
    return scale(1.0)


def cos_sin(frequencies: Tensor, factor: float, positions: Tensor) -> tuple[Tensor, Tensor]:
    """fp32 cosine and sine, each [*positions.shape, head_dim / 2]; the angles in fp32 as transformers has them."""
    angles = positions[..., None].float() * frequencies
    return angles.cos() * factor, angles.sin() * factor
