"""Llama: what a row of tokens becomes before the head. The names of its weights are those on disk."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from train.model.attention import Layout, attend, layout
from train.model.cache import Cache
from train.model.config import ModelConfig
from train.model.fused import add_norm, compute_dtype, rotate, swiglu
from train.model.rope import cos_sin, inverse_frequencies

Factory = Callable[[int, int], nn.Module]


def linear_layer(inputs: int, outputs: int) -> nn.Module:
    """The projection that every matrix of a layer is, unless another factory is given."""
    return nn.Linear(inputs, outputs, bias=False)


def joined(x: Tensor, *projections: nn.Module) -> tuple[Tensor, ...]:
    """The projections of one input: one product where all are plain, so that its gradient is one product too."""
    if len({type(each) for each in projections}) > 1 or type(projections[0]) is not nn.Linear:
        return tuple(each(x) for each in projections)
    weights = [each.weight for each in projections if isinstance(each, nn.Linear)]
    return F.linear(x, torch.cat(weights)).split([len(weight) for weight in weights], -1)


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight over the last dimension (Zhang & Sennrich 2019), computed in fp32."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, in the dtype that a projection reads it in."""
        return self.after(x, None)[1]

    def after(self, x: Tensor, delta: Tensor | None) -> tuple[Tensor, Tensor]:
        """x + delta, and that normalised."""
        return add_norm(x, delta, self.weight, self.eps)


class Attention(nn.Module):
    """Causal attention with rotary positions; several heads may share keys and values."""

    def __init__(self, config: ModelConfig, linear: Factory) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.q_proj = linear(config.hidden_size, config.heads * config.head_dim)
        self.k_proj = linear(config.hidden_size, config.kv_heads * config.head_dim)
        self.v_proj = linear(config.hidden_size, config.kv_heads * config.head_dim)
        self.o_proj = linear(config.heads * config.head_dim, config.hidden_size)
        if config.qk_norm:
            self.q_norm = RMSNorm(config.head_dim, config.norm_eps)
            self.k_norm = RMSNorm(config.head_dim, config.norm_eps)
        self.normed = config.qk_norm

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, where: Layout, cache: Cache | None, layer: int) -> Tensor:
        """[rows, width, hidden] to the same."""
        q, k, v = (part.unflatten(-1, (-1, self.head_dim)) for part in joined(x, self.q_proj, self.k_proj, self.v_proj))
        if self.normed:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if cache is not None:
            held = cache.put(layer, k.transpose(1, 2), v.transpose(1, 2))
            k, v = held[0].transpose(1, 2), held[1].transpose(1, 2)
        return self.o_proj(attend(q, k, v, where).flatten(-2))


class MLP(nn.Module):
    """SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x))."""

    def __init__(self, config: ModelConfig, linear: Factory) -> None:
        super().__init__()
        self.gate_proj = linear(config.hidden_size, config.intermediate_size)
        self.up_proj = linear(config.hidden_size, config.intermediate_size)
        self.down_proj = linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """[..., hidden] to the same."""
        return self.down_proj(swiglu(*joined(x, self.gate_proj, self.up_proj)))


class Layer(nn.Module):
    """Attention and MLP, each added to the stream that it reads normalised."""

    def __init__(self, config: ModelConfig, linear: Factory) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.self_attn = Attention(config, linear)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.mlp = MLP(config, linear)

    def forward(
        self, x: Tensor, delta: Tensor | None, cos: Tensor, sin: Tensor, where: Layout, cache: Cache | None, layer: int
    ) -> tuple[Tensor, Tensor]:
        """The stream x [rows, width, hidden] and what is still to be added to it, to the same pair."""
        x, normed = self.input_layernorm.after(x, delta)
        x, normed = self.post_attention_layernorm.after(x, self.self_attn(normed, cos, sin, where, cache, layer))
        return x, self.mlp(normed)


class Trunk(nn.Module):
    """Everything but the head; its name in a state dict is `model`."""

    def __init__(self, config: ModelConfig, linear: Factory) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config, linear) for _ in range(config.layers))
        self.norm = RMSNorm(config.hidden_size, config.norm_eps)


class Llama(nn.Module):
    """A decoder whose state dict is a checkpoint of transformers, key by key.

    `linear(inputs, outputs)` builds the projections of the layers (not the embedding, not the head), so that they may
    be something else than `nn.Linear`. `checkpointing`: recompute each layer in the backward pass instead of keeping
    what it computed.
    """

    def __init__(self, config: ModelConfig, linear: Factory | None = None) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False
        self.model = Trunk(config, linear or linear_layer)
        if not config.tied:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    @property
    def head(self) -> Tensor:
        """The weight [vocab, hidden] whose product with a hidden state is the logits."""
        return self.model.embed_tokens.weight if self.config.tied else self.lm_head.weight

    def new_cache(self, rows: int, width: int, dtype: torch.dtype | None = None) -> Cache:
        """An empty cache for so many rows and positions, in the dtype of the weights unless one is given."""
        c, weight = self.config, self.model.embed_tokens.weight
        return Cache(c.layers, rows, c.kv_heads, width, c.head_dim, dtype or weight.dtype, weight.device)

    def forward(
        self, tokens: Tensor, positions: Tensor | None = None, docs: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Hidden states [rows, width, hidden] after the last norm, of tokens [rows, width].

        positions: int64 [rows, width] or None: counted from 0, or from what the cache holds. docs: the documents of
        a row, each one run of equal numbers, `PADDING` where there is no token; None: a row is one document. A
        position sees its own document up to itself. With a cache the tokens are appended to it and see what it holds.
        """
        before = 0 if cache is None else cache.length
        if positions is None:
            positions = torch.arange(before, before + tokens.shape[1], device=tokens.device)[None]
        where = layout(tokens, docs, cache)
        frequencies, factor = inverse_frequencies(self.config.rope, self.config.head_dim)
        x, delta = self.model.embed_tokens(tokens), None
        c, s = cos_sin(frequencies.to(tokens.device), factor, positions)
        cos, sin = (torch.cat(halves, -1)[:, :, None].to(compute_dtype(x)) for halves in ((c, c), (-s, s)))
        for number, layer in enumerate(self.model.layers):
            if self.checkpointing and torch.is_grad_enabled():
                x, delta = checkpoint(layer, x, delta, cos, sin, where, cache, number, use_reentrant=False)
            else:
                x, delta = layer(x, delta, cos, sin, where, cache, number)
        return self.model.norm.after(x, delta)[1]
