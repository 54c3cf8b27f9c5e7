"""Which positions see which, decided once a batch, and attention by it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from train.data.batch import PADDING
from train.model.cache import Cache


@dataclass(frozen=True, slots=True)
class Layout:
    """At most one of the two is set; with none, every row is one document read from its start.

    lengths: of the documents of all rows, one after another (a run of padding counts as one), which sum to all
    positions. mask: bool [rows, 1, new, all], True where a position is seen.
    """

    lengths: list[int] | None = None
    mask: Tensor | None = None


def layout(tokens: Tensor, docs: Tensor | None, cache: Cache | None) -> Layout:
    """The layout of a batch; with a cache, the new positions are entered in it."""
    rows, width = tokens.shape
    if cache is not None:
        new = torch.zeros_like(tokens) if docs is None else docs
        cache.begin(new)
        first = cache.length - width
        if first == 0 and docs is None:
            return Layout()
        old = cache.docs[:, : cache.length]
        place = torch.arange(cache.length, device=tokens.device)
        seen = (new[:, :, None] == old[:, None, :]) & (place[None, :] <= place[first:, None])
        return Layout(mask=seen[:, None])
    if docs is None:
        return Layout()
    changes = torch.ones_like(docs, dtype=torch.bool)
    changes[:, 1:] = docs[:, 1:] != docs[:, :-1]
    starts = changes.flatten().nonzero().flatten().cpu()
    if len(starts) == rows:
        return Layout()
    ends = torch.cat((starts[1:], torch.tensor([rows * width])))
    return Layout(lengths=(ends - starts).tolist())


def attend(q: Tensor, k: Tensor, v: Tensor, where: Layout) -> Tensor:
    """[rows, new, heads, size] of queries and [rows, all, kv_heads, size] of keys and values to [rows, new, heads, size]."""
    shared = q.shape[2] != k.shape[2]
    if where.lengths is None:
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))
        out = F.scaled_dot_product_attention(
            q, k, v, attn_mask=where.mask, is_causal=where.mask is None, enable_gqa=shared
        )
        return out.transpose(1, 2)
    shape = q.shape
    parts = [each.flatten(0, 1).split(where.lengths) for each in (q, k, v)]
    out = [
        F.scaled_dot_product_attention(
            *(part.transpose(0, 1)[None] for part in document), is_causal=True, enable_gqa=shared
        )[0].transpose(0, 1)
        for document in zip(*parts, strict=True)
    ]
    return torch.cat(out).view(shape)
