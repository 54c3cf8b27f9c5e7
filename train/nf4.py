"""NF4: four bits a weight for frozen matrices, in blocks of 64, with the block sizes quantised once more.

The format, bit for bit, is that of bitsandbytes (Dettmers et al. 2023, "QLoRA", section 3): code book of normal
quantiles, the largest magnitude of each block in fp32, and, with double quantisation, those magnitudes less their mean
in blocks of 256 with the 8-bit dynamic map of Dettmers 2015. Such a model needs 4.127 bits a weight.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK = 64
"""Weights that share one magnitude."""
OUTER_BLOCK = 256
"""Magnitudes that share one magnitude, with double quantisation."""

CODE = torch.tensor(
    [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ]
)
"""Quantiles of the normal distribution, scaled to [-1, 1], with an exact zero."""


@dataclass(frozen=True, slots=True)
class Nf4:
    """A quantised tensor; n = its number of elements, in row-major order.

    codes: uint8 [ceil(n / 2)], two weights a byte, the first in the high half. absmax: fp32 [ceil(n / 64)], or with
    double quantisation uint8 codes of the same shape; then scales: fp32 [ceil(blocks / 256)] and offset: fp32 [].
    """

    shape: torch.Size
    codes: Tensor
    absmax: Tensor
    scales: Tensor | None = None
    offset: Tensor | None = None

    @property
    def bits(self) -> float:
        """Stored bits a weight (the one offset of the tensor left out)."""
        parts = (self.codes, self.absmax, self.scales)
        stored = sum(part.numel() * part.element_size() for part in parts if part is not None)
        return 8 * stored / math.prod(self.shape)


def bits_per_weight(double: bool = True) -> float:
    """What a large matrix costs: 4.127 with double quantisation, 4.5 without."""
    return 4 + ((8 + 32 / OUTER_BLOCK) if double else 32) / BLOCK


@functools.cache
def dynamic_map() -> Tensor:
    """The 256 values of the signed 8-bit dynamic type: seven decades, each with twice the steps of the last."""
    values = [0.0, 1.0]
    for decade in range(7):
        edges = torch.linspace(0.1, 1, 2**decade + 1, dtype=torch.float32)
        steps = ((edges[:-1] + edges[1:]) / 2 * 10 ** (decade - 6)).tolist()
        values += steps + [-value for value in steps]
    return torch.tensor(sorted(values), dtype=torch.float32)


def quantize(weight: Tensor, *, double: bool = True) -> Nf4:
    """The nearest codes of a floating-point tensor of any shape; a block of zeros stays exactly zero."""
    flat = weight.detach().reshape(-1).float()
    absmax, scaled = _blocks(flat)
    nearest = torch.bucketize(scaled, _middles(CODE.to(flat.device)), out_int32=True).to(torch.uint8)
    if nearest.numel() % 2:
        nearest = F.pad(nearest, (0, 1), value=7)
    codes = nearest[::2] << 4 | nearest[1::2]
    if not double:
        return Nf4(weight.shape, codes, absmax)
    offset = absmax.mean()
    outer, scales = _quantize_magnitudes(absmax - offset)
    return Nf4(weight.shape, codes, outer, scales, offset)


def dequantize(packed: Nf4, dtype: torch.dtype = torch.float32) -> Tensor:
    """The dense tensor; the products are made in fp32 and rounded once."""
    halves = torch.stack((packed.codes >> 4, packed.codes & 15), dim=1).reshape(-1)
    values = CODE.to(halves.device)[halves.int()]
    return _spread(values, magnitudes(packed), BLOCK, math.prod(packed.shape)).reshape(packed.shape).to(dtype)


def magnitudes(packed: Nf4) -> Tensor:
    """fp32 [blocks]: the largest magnitude of each block as it is used, so after double quantisation."""
    if packed.scales is None or packed.offset is None:
        return packed.absmax
    steps = dynamic_map().to(packed.absmax.device)[packed.absmax.int()]
    return _spread(steps, packed.scales, OUTER_BLOCK, packed.absmax.numel()) + packed.offset


def _blocks(flat: Tensor) -> tuple[Tensor, Tensor]:
    """The largest magnitude of each block, and the elements divided by it; the last block may be short.

    Full blocks are multiplied by the reciprocal and the short one is divided, which differ in the last bit: so does
    bitsandbytes, whose bits these are.
    """
    full = flat.numel() // BLOCK * BLOCK
    rows = flat[:full].view(-1, BLOCK)
    absmax = rows.abs().amax(dim=1)
    scaled = (rows * (1.0 / absmax.clamp(min=1e-38))[:, None]).clamp(-1, 1).view(-1)
    if full == flat.numel():
        return absmax, scaled
    last = flat[full:].abs().amax().clamp(min=1e-38)
    return torch.cat((absmax, last[None])), torch.cat((scaled, (flat[full:] / last).clamp(-1, 1)))


def _quantize_magnitudes(flat: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 codes of the dynamic map, and the largest magnitude of each block of 256.

    A magnitude is first put on a grid of 65536 steps and the step has the code, as in bitsandbytes' kernel for
    CPUs, whose product and sum before the cut to whole steps are rounded once (a fused multiply-add).
    """
    padded = F.pad(flat, (0, -flat.numel() % OUTER_BLOCK)).view(-1, OUTER_BLOCK)
    scales = padded.abs().amax(dim=1)
    scaled = (padded * (1.0 / scales)[:, None]).nan_to_num(-1.0).clamp(-1, 1).view(-1)[: flat.numel()]
    half = ((scaled + 1.0) * 0.5).double()
    steps = (half * (_GRID - 1) + 0.5).float().int()
    return _grid_codes().to(flat.device)[steps], scales


_GRID = 65536


@functools.cache
def _grid_codes() -> Tensor:
    """uint8 [65536]: the nearest value of the dynamic map to each step from -1 to 1."""
    steps = -1.0 + 2.0 * torch.arange(_GRID, dtype=torch.float32) / (_GRID - 1)
    return torch.bucketize(steps, _middles(dynamic_map()), out_int32=True).to(torch.uint8)


def _middles(code: Tensor) -> Tensor:
    return (code[:-1] + code[1:]) / 2


def _spread(values: Tensor, scales: Tensor, size: int, n: int) -> Tensor:
    """Elements times the scale of their block; `values` may be longer than n."""
    values = values[:n]
    full = n // size * size
    out = values[:full].view(-1, size) * scales[: full // size, None]
    if full == n:
        return out.view(-1)
    return torch.cat((out.view(-1), values[full:] * scales[-1]))


class _Multiply(torch.autograd.Function):
    """x @ W.T for a frozen quantised W: neither the input nor the dense matrix is kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, packed: Nf4) -> Tensor:
        ctx.packed = packed
        return F.linear(x, dequantize(packed, x.dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        return gradient @ dequantize(ctx.packed, gradient.dtype), None


class Nf4Linear(nn.Module):
    """A frozen projection without bias whose matrix is kept in NF4.

    It reads the key `weight` of a dense state dict and quantises it on the way in; it adds nothing to a state dict,
    because it never changes and the checkpoint it came from holds it exactly. The matrix product runs in the dtype of
    the input, or of autocast.
    """

    codes: Tensor
    absmax: Tensor
    scales: Tensor
    offset: Tensor

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        blocks = math.ceil(in_features * out_features / BLOCK)
        sizes = {"codes": math.ceil(in_features * out_features / 2), "absmax": blocks}
        for name, size in sizes.items():
            self.register_buffer(name, torch.zeros(size, dtype=torch.uint8), persistent=False)
        self.register_buffer("scales", torch.zeros(math.ceil(blocks / OUTER_BLOCK)), persistent=False)
        self.register_buffer("offset", torch.zeros(()), persistent=False)

    @property
    def packed(self) -> Nf4:
        """The quantised matrix [out, in]."""
        shape = torch.Size((self.out_features, self.in_features))
        return Nf4(shape, self.codes, self.absmax, self.scales, self.offset)

    def pack(self, weight: Tensor) -> None:
        """Quantise a dense matrix [out, in] and keep that."""
        if weight.shape != (self.out_features, self.in_features):
            raise ValueError(f"shape {list(weight.shape)}, not {[self.out_features, self.in_features]}")
        found = quantize(weight)
        if not torch.isfinite(magnitudes(found)).all():
            raise ValueError("holds NaN or infinity, which four bits cannot tell")
        assert found.scales is not None and found.offset is not None
        device = weight.device if self.codes.is_meta else self.codes.device
        self.codes, self.absmax = found.codes.to(device), found.absmax.to(device)
        self.scales, self.offset = found.scales.to(device), found.offset.to(device)

    def take(self, other: Nf4Linear) -> None:
        """Share the quantised matrix of another projection of the same shape."""
        self.codes, self.absmax, self.scales, self.offset = other.codes, other.absmax, other.scales, other.offset

    def dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The matrix [out, in] as it multiplies; a new tensor at every call."""
        return dequantize(self.packed, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        product: Tensor = _Multiply.apply(x.to(dtype), self.packed)
        return product

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        weight = state_dict.get(f"{prefix}weight")
        if weight is None:
            missing_keys.append(f"{prefix}weight")
            return
        try:
            self.pack(weight)
        except ValueError as error:
            error_msgs.append(f"{prefix}weight: {error}")

    def extra_repr(self) -> str:
        """What is printed of it."""
        return f"{self.in_features} -> {self.out_features}, {bits_per_weight():.3f} bits a weight"
