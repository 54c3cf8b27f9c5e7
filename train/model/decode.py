"""One more token for every row: what `Llama.forward` computes, with as little as possible around the matrix products.

With a few rows a product takes as long as its weights take to be read, and every operation between two of them starts
with cold caches. So projections of one input are joined once, and nothing is made anew that a step can find ready.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import PADDING
from train.model.cache import Cache
from train.model.model import Layer, Llama, RMSNorm
from train.model.rope import cos_sin, inverse_frequencies

_FEW = range(3, 13)  # rows for which a CPU's matrix product spends most of its time on reordering the weights,
_LARGE = 2**18  # if there are so many;
_SLICE = 64  # a batch of products, each with so many of the outputs, reads them where they are


class _Product:
    """x [rows, in] times weights [out, in] joined to one, to [rows, all out].

    To be joined they are copied, and in bf16 on a CPU to lie by columns, which it reads faster.
    """

    def __init__(self, *weights: Tensor) -> None:
        self._weight = torch.cat([each.detach() for each in weights]) if len(weights) > 1 else weights[0].detach()
        self._slices: Tensor | None = None
        outputs, inputs = self._weight.shape
        if self._weight.device.type != "cpu":
            return
        if self._weight.dtype == torch.bfloat16:
            self._weight = self._weight.t().contiguous().t()
        elif self._weight.dtype == torch.float32 and outputs * inputs >= _LARGE and outputs % _SLICE == 0:
            self._slices = self._weight.contiguous().view(-1, _SLICE, inputs).transpose(1, 2)

    def __call__(self, x: Tensor) -> Tensor:
        if self._slices is None or len(x) not in _FEW:
            return F.linear(x, self._weight)
        return torch.bmm(x.expand(len(self._slices), -1, -1), self._slices).transpose(0, 1).reshape(len(x), -1)


def _product(*projections: nn.Module) -> Callable[[Tensor], Tensor]:
    """The projections of one input; those that are not plain (adapters, four bits) are asked themselves."""
    plain = [each.weight for each in projections if type(each) is nn.Linear]
    if len(plain) == len(projections):
        return _Product(*plain)
    if len(projections) == 1:
        return projections[0]
    return lambda x: torch.cat([each(x) for each in projections], -1)


class _Norm:
    """The norm of [rows, hidden]; the mean of squares, with eps, is one product."""

    def __init__(self, norm: RMSNorm) -> None:
        self._weight = norm.weight.detach()
        self._eps = self._weight.new_full((1, 1, 1), norm.eps, dtype=torch.float32)

    def __call__(self, x: Tensor) -> Tensor:
        wide = x.float()
        inverse = torch.baddbmm(self._eps, wide[:, None], wide[:, :, None], alpha=1 / x.shape[1]).rsqrt_()
        return (wide * inverse[:, 0]).to(x.dtype).mul_(self._weight)


class _Block:
    """What a step needs of a layer."""

    def __init__(self, layer: Layer) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.first, self.second = _Norm(layer.input_layernorm), _Norm(layer.post_attention_layernorm)
        self.qkv = _product(attention.q_proj, attention.k_proj, attention.v_proj)
        self.out = _product(attention.o_proj)
        self.gate_up = _product(mlp.gate_proj, mlp.up_proj)
        self.down = _product(mlp.down_proj)
        self.norms = (attention.q_norm, attention.k_norm) if attention.normed else ()


class Decoder:
    """A Llama that reads one token a row. It keeps copies of weights, in bf16 on a CPU of all, else of two thirds of
    those in layers: `current` says whether they are still true.
    """

    def __init__(self, model: Llama) -> None:
        self._model, self._state = model, _state(model)
        self._kept = [each.detach() for each in model.parameters()]  # so that no other weights can come to lie there
        self._blocks = [_Block(layer) for layer in model.model.layers if isinstance(layer, Layer)]
        self._norm = _Norm(model.model.norm)
        self.logits = _Product(model.head)
        """[rows, vocab] of hidden states [rows, hidden]."""
        self._cos = self._sin = torch.empty(0)

    @staticmethod
    def suits(model: nn.Module) -> bool:
        """Whether a model is computed as it is written: what shards it or wraps its layers has to be asked itself."""
        return type(model) is Llama and all(type(layer) is Layer for layer in model.model.layers)

    def current(self) -> bool:
        """Whether the weights are those that were copied."""
        return self._state == _state(self._model)

    def step(self, tokens: Tensor, positions: Tensor, cache: Cache) -> Tensor:
        """Hidden states [rows, hidden] after the last norm, of tokens [rows] at positions [rows], entered in the cache.

        A row is one document, filled up on the left or not at all; positions lie below the width of the cache.
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
            qkv = block.qkv(block.first(x)).view(rows, heads + 2 * shared, size)
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
            gate, up = block.gate_up(block.second(x)).chunk(2, -1)
            x = x + block.down(F.silu(gate).mul_(up))
        return self._norm(x)

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


def _state(model: nn.Module) -> list[tuple[int, int]]:
    """Where every weight lies and how often it was written to."""
    return [(each.data_ptr(), 0 if each.is_inference() else each._version) for each in model.parameters()]
