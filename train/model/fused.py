"""The element-wise parts of a layer, each with a backward pass of its own: fewer passes over memory, less kept.

They compute in fp32 where that matters and hand on what the next matrix product reads: the dtype of autocast where it
is on, else that of their input.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def compute_dtype(like: Tensor) -> torch.dtype:
    """What a matrix product of `like` is computed in."""
    kind = like.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype


class _AddNorm(torch.autograd.Function):
    """stream + delta, and its RMS norm; the two gradients meet in one pass."""

    @staticmethod
    def forward(
        ctx: Any, stream: Tensor, delta: Tensor | None, weight: Tensor, eps: float, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        # Two dtypes in one operation are slower than a cast and an operation.
        total = stream if delta is None else delta.to(stream.dtype) + stream
        wide = total.float()
        # A mean of squares is the squared length over the size; the norm is one pass without a copy.
        length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        inverse = (length.square_() / total.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(total, weight, inverse)
        ctx.delta = None if delta is None else delta.dtype
        normed = wide * inverse
        if total.dtype == torch.float32 and weight.dtype == torch.float32:
            normed = normed.mul_(weight).to(dtype)
        else:
            normed = (normed.to(total.dtype) * weight).to(dtype)
        return (total.view_as(total) if delta is None else total), normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_total: Tensor | None, of_normed: Tensor | None) -> tuple[Tensor | None, ...]:
        total, weight, inverse = ctx.saved_tensors
        if of_normed is None:
            grad, of_weight = of_total, None
        else:
            scaled = total.float() * inverse
            wide = of_normed.float()
            grad = wide * scaled
            of_weight = grad.flatten(0, -2).sum(0).to(weight.dtype) if ctx.needs_input_grad[2] else None
            mean = grad.mul_(weight).mean(-1, keepdim=True)
            torch.mul(wide, weight, out=grad)
            grad.addcmul_(scaled, mean, value=-1).mul_(inverse)
            if of_total is not None:
                grad.add_(of_total)
            grad = grad.to(total.dtype)
        assert grad is not None
        return grad, None if ctx.delta is None else grad.to(ctx.delta), of_weight, None, None


def add_norm(stream: Tensor, delta: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """stream + delta, and that normalised: x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019), in fp32."""
    return _AddNorm.apply(stream, delta, weight, eps, compute_dtype(stream))


class _Rotate(torch.autograd.Function):
    """A turn of pairs; its gradient is the turn back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return _turned(grad, cos, sin, -1), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor, way: int) -> Tensor:
    a, b = x.chunk(2, -1)
    return (x * cos).addcmul_(torch.cat((b, a), -1), sin, value=way)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [rows, width, heads, size] turned by its positions; pairs are (i, i + size / 2), as transformers has them.

    cos, sin: [rows or 1, width, 1, size], in the dtype of x; the first half of sin is negative.
    """
    return _Rotate.apply(x, cos, sin)


class _SwiGlu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        active = F.silu(gate)
        ctx.save_for_backward(gate, up, active)
        return active * up

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        gate, up, active = ctx.saved_tensors
        return torch.ops.aten.silu_backward(grad * up, gate), grad * active


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up (Shazeer 2020)."""
    return _SwiGlu.apply(gate, up)
