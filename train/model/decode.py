"""One more token for every row: what `Llama.forward` computes, with as little as possible around the matrix products.

With a few rows a product takes as long as its weights take to be read, and every operation between two of them starts
with cold caches. So projections of one input are joined once, and nothing is made anew that a step can find ready.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import PADDING
from train.model.cache import Cache
from train.model.model import Layer, Llama, RMSNorm
from train.model.rope import cos_sin, inverse_frequencies

_FEW = range(2, 13)  # rows for which a CPU's matrix product spends most of its time on reordering the weights,
_LARGE = 2**18  # if there are so many;
_SLICE = 64  # a batch of products, each with so many of the outputs, reads them where they are


class _Product:
    """Projections of one input as one product, [rows, in] to [rows, all out]. The weights are copied to be joined;
    projections that are not plain (adapters, four bits) are asked themselves."""

    def __init__(self, *projections: nn.Module) -> None:
        self._asked: tuple[nn.Module, ...] = ()
        if any(type(each) is not nn.Linear for each in projections):
            self._asked = projections
            return
        weights = [each.weight.detach() for each in projections if isinstance(each, nn.Linear)]
        self._weight = torch.cat(weights) if len(weights) > 1 else weights[0]
        self._slices = _sliced(self._weight)

    def __call__(self, x: Tensor) -> Tensor:
        if self._asked:
            found = [each(x) for each in self._asked]
            return torch.cat(found, -1) if len(found) > 1 else found[0]
        return product(x, self._weight, self._slices)


def _sliced(weight: Tensor) -> Tensor | None:
    """A view [slices, in, out of a slice] of weights [out, in] that are better read so when rows are few."""
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return None
    if weight.numel() < _LARGE or len(weight) % _SLICE or not weight.is_contiguous():
        return None
    return weight.view(-1, _SLICE, weight.shape[1]).transpose(1, 2)


def product(x: Tensor, weight: Tensor, slices: Tensor | None) -> Tensor:
    """x [rows, in] times weight [out, in], which `slices` is a view of."""
    if slices is None or len(x) not in _FEW:
        return F.linear(x, weight)
    return torch.bmm(x.expand(len(slices), -1, -1), slices).transpose(0, 1).reshape(len(x), -1)


class _Block:
    """What a step needs of a layer."""

    def __init__(self, layer: Layer) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.first, self.second = layer.input_layernorm, layer.post_attention_layernorm
        self.qkv = _Product(attention.q_proj, attention.k_proj, attention.v_proj)
        self.out = _Product(attention.o_proj)
        self.gate_up = _Product(mlp.gate_proj, mlp.up_proj)
        self.down = _Product(mlp.down_proj)
        self.norms = (attention.q_norm, attention.k_norm) if attention.normed else ()


class Decoder:
    """A Llama that reads one token a row. It keeps copies of weights, about two thirds of those of the layers:
    `current` says whether they are still true.
    """

    def __init__(self, model: Llama) -> None:
        self._model, self._state = model, _state(model)
        self._kept = [each.detach() for each in model.parameters()]  # so that no other weights can come to lie there
        self._blocks = [_Block(layer) for layer in model.model.layers if isinstance(layer, Layer)]
        self._head = _sliced(model.head.detach())
        self._cos = self._sin = torch.empty(0)

    @staticmethod
    def suits(model: nn.Module) -> bool:
        """Whether a model is computed as it is written: what shards it or wraps its layers has to be asked itself."""
        return type(model) is Llama and all(type(layer) is Layer for layer in model.model.layers)

    def current(self) -> bool:
        """Whether the weights are those that were copied."""
        return self._state == _state(self._model)

    def logits(self, hidden: Tensor) -> Tensor:
        """[rows, vocab] of hidden states [rows, hidden]."""
        return product(hidden, self._model.head, self._head)

    def step(self, tokens: Tensor, positions: Tensor, cache: Cache) -> Tensor:
        """Hidden states [rows, hidden] after the last norm, of tokens [rows] at positions [rows], entered in the cache.

        A row is one document, filled up on the left or not at all.
        """
        config = self._model.config
        heads, shared, size, rows = config.heads, config.kv_heads, config.head_dim, len(tokens)
        cache.begin(torch.zeros_like(tokens)[:, None])
        x = F.embedding(tokens, self._model.model.embed_tokens.weight)
        mask = None
        if cache.mixed:
            docs = cache.docs[:, None, None, : cache.length]
            mask = torch.zeros(docs.shape, dtype=x.dtype, device=x.device).masked_fill_(docs == PADDING, -torch.inf)
        cos, sin = self._turns(positions, cache.width, x.dtype)
        for number, block in enumerate(self._blocks):
            qkv = block.qkv(_normed(x, block.first)).view(rows, heads + 2 * shared, size)
            turned, values = qkv[:, : heads + shared], qkv[:, heads + shared :]
            if block.norms:
                q_norm, k_norm = block.norms
                turned = torch.cat((q_norm(turned[:, :heads]), k_norm(turned[:, heads:])), 1)
            turned = (turned * cos).addcmul_(turned.roll(size // 2, -1), sin)
            keys, held = cache.put(number, turned[:, heads:, None], values[:, :, None])
            out = F.scaled_dot_product_attention(
                turned[:, :heads, None], keys, held, attn_mask=mask, enable_gqa=heads != shared
            )
            x = x + block.out(out.view(rows, -1))
            gate, up = block.gate_up(_normed(x, block.second)).chunk(2, -1)
            x = x + block.down(F.silu(gate).mul_(up))
        return _normed(x, self._model.model.norm)

    def _turns(self, positions: Tensor, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosine and sine [rows, 1, size] of positions below `width`, the first half of the sine negative."""
        if len(self._cos) < width:
            config = self._model.config
            frequencies, factor = inverse_frequencies(config.rope, config.head_dim)
            places = torch.arange(width, device=positions.device)
            cos, sin = cos_sin(frequencies.to(positions.device), factor, places)
            self._cos = torch.cat((cos, cos), -1)[:, None].to(dtype)
            self._sin = torch.cat((-sin, sin), -1)[:, None].to(dtype)
        return self._cos[positions], self._sin[positions]


def _normed(x: Tensor, norm: RMSNorm) -> Tensor:
    """The norm of [rows, hidden]; in fp32 the mean of squares, with eps, is one product."""
    if x.dtype != torch.float32:
        return norm(x)
    eps = x.new_full((1, 1, 1), norm.eps)
    inverse = torch.baddbmm(eps, x[:, None], x[:, :, None], alpha=1 / x.shape[1]).rsqrt_()
    return (x * inverse[:, 0]).mul_(norm.weight)


def _state(model: nn.Module) -> list[tuple[int, int]]:
    """Where every weight lies and how often it was written to."""
    return [(each.data_ptr(), 0 if each.is_inference() else each._version) for each in model.parameters()]
