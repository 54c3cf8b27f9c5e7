"""Which positions see which, decided once a batch, and attention by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from train.model.cache import Cache
from train.model.fused import compute_dtype

BLOCK = 256
"""Queries whose attention weights exist at a time in the backward pass on a CPU."""


@dataclass(frozen=True, slots=True)
class Layout:
    """lengths: of the documents of all rows, one after another (a run of padding counts as one): they sum to all
    positions, and each position sees its document up to itself. Without lengths, mask: bool [rows, 1, new, all], True
    where a position is seen; with neither, all is seen.
    """

    lengths: tuple[int, ...] = ()
    mask: Tensor | None = None

    @property
    def even(self) -> bool:
        """Whether all documents have one length, so that they can be the rows of one call."""
        return min(self.lengths) == max(self.lengths)


def layout(tokens: Tensor, docs: Tensor | None, cache: Cache | None) -> Layout:
    """The layout of a batch; with a cache, the new positions are entered in it."""
    rows, width = tokens.shape
    if cache is not None and (docs is not None or cache.length or cache.mixed):
        return _after(tokens, docs, cache)
    if cache is not None:
        cache.begin(torch.zeros_like(tokens))
    if docs is None:
        return Layout((width,) * rows)
    if torch.compiler.is_compiling():  # lengths in Python would be compiled anew for every batch
        below = torch.ones(width, width, dtype=torch.bool, device=tokens.device).tril()
        return Layout(mask=((docs[:, :, None] == docs[:, None, :]) & below)[:, None])
    changes = torch.ones_like(docs, dtype=torch.bool)
    changes[:, 1:] = docs[:, 1:] != docs[:, :-1]
    starts = changes.flatten().nonzero().flatten().tolist()
    return Layout(tuple(end - start for start, end in zip(starts, [*starts[1:], rows * width], strict=True)))


def _after(tokens: Tensor, docs: Tensor | None, cache: Cache) -> Layout:
    """New positions behind those of a cache."""
    cache.mixed |= docs is not None
    docs = torch.zeros_like(tokens) if docs is None else docs
    cache.begin(docs)
    if not cache.mixed and tokens.shape[1] == 1:
        return Layout()
    place = torch.arange(cache.length, device=docs.device)
    before = place <= place[cache.length - docs.shape[1] :, None]
    return Layout(mask=((docs[:, :, None] == cache.docs[:, None, : cache.length]) & before)[:, None])


def attend(q: Tensor, k: Tensor, v: Tensor, where: Layout) -> Tensor:
    """Queries [rows, new, heads, size], keys and values [rows, all, kv_heads, size] to [rows, new, heads, size]."""
    if not where.lengths:
        return _sdpa(q, k, v, where.mask, causal=False)
    flat = [each.flatten(0, 1) for each in (q, k, v)]
    if q.device.type == "cpu" and compute_dtype(q) == torch.bfloat16:
        return _Documents.apply(*(each.to(torch.bfloat16) for each in flat), where).view(q.shape)
    if where.even:
        return _sdpa(*(each.unflatten(0, (-1, where.lengths[0])) for each in flat)).reshape(q.shape)
    if q.is_cuda and compute_dtype(q) != torch.float32:
        return _varlen(flat, where).view(q.shape)
    parts = zip(*(each.split(where.lengths) for each in flat), strict=True)
    return torch.cat([_sdpa(*(part[None] for part in document))[0] for document in parts]).view(q.shape)


def _sdpa(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = True) -> Tensor:
    """All [rows, positions, heads, size]."""
    shared = q.shape[2] != k.shape[2]
    q, k, v = (each.transpose(1, 2) for each in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=shared)
    return out.transpose(1, 2)


def _varlen(flat: list[Tensor], where: Layout) -> Tensor:
    """All documents in one call of the device's kernel for documents of different lengths."""
    from torch.nn.attention.varlen import varlen_attn

    q, k, v = (each.to(compute_dtype(each)) for each in flat)
    ends = torch.tensor((0, *where.lengths), dtype=torch.int32).cumsum(0, dtype=torch.int32).to(q.device)
    longest, shared = max(where.lengths), q.shape[1] != k.shape[1]
    out = varlen_attn(q, k, v, ends, ends, longest, longest, window_size=(-1, 0), enable_gqa=shared)
    assert isinstance(out, Tensor)
    return out


class _Documents(torch.autograd.Function):
    """Causal attention of each document in bf16 on a CPU: torch's forward pass, a backward pass of matrix products.

    torch's own backward kernel does not use the processor's matrix units. Weights are made again from queries and
    keys, `BLOCK` queries at a time; a block sees no keys behind it, so half of them is never computed.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, where: Layout) -> Tensor:
        ctx.save_for_backward(q, k, v)
        ctx.lengths = where.lengths
        if where.even:
            rows = (each.unflatten(0, (-1, where.lengths[0])) for each in (q, k, v))
            return _sdpa(*rows).flatten(0, 1)
        parts = zip(*(each.split(where.lengths) for each in (q, k, v)), strict=True)
        return torch.cat([_sdpa(*(part[None] for part in document))[0] for document in parts])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors  # asked for once: under checkpointing they are made anew, and only once
        found = [torch.empty(each.shape, dtype=each.dtype) for each in inputs]
        for parts in zip(*(each.split(ctx.lengths) for each in (*inputs, grad, *found)), strict=True):
            _document_backward(*parts)
        return (*found, None)


def _document_backward(q: Tensor, k: Tensor, v: Tensor, grad: Tensor, of_q: Tensor, of_k: Tensor, of_v: Tensor) -> None:
    """Fill the last three, the gradients of one document; all [positions, heads or kv_heads, size]."""
    length, heads, size = q.shape
    shared, groups, scale = k.shape[1], heads // k.shape[1], size**-0.5
    # Heads that share keys lie one below another as rows of one product: [kv_heads, groups, positions, size].
    queries = (q * scale).view(length, shared, groups, size).permute(1, 2, 0, 3).contiguous()
    slopes = grad.reshape(length, shared, groups, size).permute(1, 2, 0, 3).contiguous()
    keys, values = k.transpose(0, 1).contiguous(), v.transpose(0, 1).contiguous()
    rows = min(BLOCK, length)
    hidden = torch.ones(rows, rows, dtype=torch.bool).triu(1)
    buffers = torch.empty(2, heads * rows * length, dtype=q.dtype)
    sums = torch.zeros(2, shared, length, size)
    for start in range(0, length, BLOCK):
        end = min(start + BLOCK, length)
        rows = end - start
        weights, slope = (each[: heads * rows * end].view(shared, groups * rows, end) for each in buffers)
        some, down = (each[:, :, start:end].reshape(shared, groups * rows, size) for each in (queries, slopes))
        torch.bmm(some, keys[:, :end].transpose(1, 2), out=weights)
        of_block = weights.view(shared, groups, rows, end)[..., start:]
        of_block.masked_fill_(hidden[:rows, :rows], float("-inf"))
        torch.softmax(weights, -1, out=weights)
        torch.bmm(down, values[:, :end].transpose(1, 2), out=slope)
        sums[1, :, :end] += weights.transpose(1, 2) @ down
        torch.ops.aten._softmax_backward_data.out(slope, weights, -1, q.dtype, grad_input=slope)
        sums[0, :, :end] += slope.transpose(1, 2) @ some
        back = (slope @ keys[:, :end]).view(shared, groups, rows, size).permute(2, 0, 1, 3)
        torch.mul(back, scale, out=of_q[start:end].view(rows, shared, groups, size))
    of_k.copy_(sums[0].transpose(0, 1))
    of_v.copy_(sums[1].transpose(0, 1))
