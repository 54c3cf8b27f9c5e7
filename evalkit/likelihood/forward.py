"""A Llama read along paths: tokens of many sequences at once, each chain of them behind what its path already holds.

The arithmetic is, operation by operation, that of transformers. A CPU's kernels add up in another order where there
are few rows, so few rows are filled up: then in fp32 a hidden state is, to the last bit on the processors tried, the
one that `LlamaForCausalLM` gives for its whole sequence, whatever is computed beside it and wherever its path was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evalkit.likelihood.readers import Chain, OwnHead
from train.model.rope import cos_sin, inverse_frequencies

ROWS = 16
"""Rows of a matrix product, at least."""
_QUERIES, _FEW = 32, 8  # attention takes so many queries at a time; fewer than these few in the last turn are filled up


class Path(NamedTuple):
    """Both [layers, kv_heads, positions, head_dim]."""

    keys: Tensor
    values: Tensor


class Reader(OwnHead):
    """A `train.model.model.Llama`, whose path is the keys and values of the last chain and of what stands before it."""

    branches = True

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.model = cast(Any, model)  # modules type their attributes as tensors or modules
        config = self.model.config
        self.frequencies, self.factor = inverse_frequencies(config.rope, config.head_dim)
        self.frequencies = self.frequencies.to(self.device)

    def path(self, longest: int) -> Path:
        """Room for keys and values; attention reads some places beyond the end of what is there."""
        config = self.model.config
        shape = (config.layers, config.kv_heads, longest + _FEW, config.head_dim)
        keys = torch.zeros(shape, dtype=self.head.dtype, device=self.device)
        return Path(keys, torch.zeros_like(keys))

    @torch.inference_mode()
    def __call__(self, path: Path, tokens: Tensor, positions: Tensor, chains: Sequence[Chain]) -> Tensor:
        """Hidden states [tokens, hidden] after the last norm."""
        trunk, new = self.model.model, len(tokens)
        if new < ROWS:
            tokens, positions = (F.pad(each, (0, ROWS - new)) for each in (tokens, positions))
        x = trunk.embed_tokens(tokens)
        cos, sin = (part[:, None].to(x.dtype) for part in cos_sin(self.frequencies, self.factor, positions))
        extras = [_extra(chain.end - chain.begin) for chain in chains]
        masks = [_mask(chain, extra, x) for chain, extra in zip(chains, extras, strict=True)]
        for number, layer in enumerate(trunk.layers):
            keys, values = path.keys[number], path.values[number]
            q, k, v = _projected(layer.self_attn, _normed(x, layer.input_layernorm), cos, sin)
            found = torch.empty_like(q)
            for (depth, begin, end), extra, mask in zip(chains, extras, masks, strict=True):
                reach = depth + end - begin
                keys[:, depth:reach] = k[:, begin:end]
                values[:, depth:reach] = v[:, begin:end]
                reach += 0 if depth else extra
                found[:, begin:end] = F.scaled_dot_product_attention(
                    F.pad(q[:, begin:end], (0, 0, 0, extra))[None],
                    keys[None, :, :reach],
                    values[None, :, :reach],
                    attn_mask=mask,
                    is_causal=mask is None,
                    enable_gqa=len(q) != len(k),
                )[0, :, : end - begin]
            x += layer.self_attn.o_proj(found.transpose(0, 1).flatten(1))
            mlp, normed = layer.mlp, _normed(x, layer.post_attention_layernorm)
            x += mlp.down_proj(F.silu(mlp.gate_proj(normed), inplace=True).mul_(mlp.up_proj(normed)))
        return _normed(x, trunk.norm)[:new]


def _projected(module: Any, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, each [heads, tokens, size], the first two turned by their positions."""
    q, k, v = (part(x).unflatten(-1, (-1, module.head_dim)) for part in (module.q_proj, module.k_proj, module.v_proj))
    if module.normed:
        q, k = _normed(q, module.q_norm), _normed(k, module.k_norm)
    return _turned(q, cos, sin).transpose(0, 1), _turned(k, cos, sin).transpose(0, 1), v.transpose(0, 1)


def _extra(length: int) -> int:
    """Queries that are added to so many."""
    rest = length % _QUERIES
    return _FEW - rest if 0 < rest < _FEW else 0


def _mask(chain: Chain, extra: int, like: Tensor) -> Tensor | None:
    """What is added to the scores of a chain with a path before it: it puts out the tokens behind each query."""
    if not chain.depth:
        return None
    length = chain.end - chain.begin
    behind = torch.full((length + extra, chain.depth + length), float("-inf"), dtype=like.dtype, device=like.device)
    return behind.triu_(chain.depth + 1)


def _normed(x: Tensor, norm: Any) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight, the mean in fp32."""
    wide = x.float()
    wide = wide * wide.square().mean(-1, keepdim=True).add_(norm.eps).rsqrt_()
    return wide.to(x.dtype).mul_(norm.weight)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [tokens, heads, size] turned by its positions [tokens, 1, size / 2]; pairs are (i, i + size / 2)."""
    a, b = x.chunk(2, -1)
    return torch.cat(((a * cos).sub_(b * sin), (b * cos).add_(a * sin)), -1)
