"""Which token comes next: temperature, cuts of the tail, and one draw a row, from logits in one pass of exponentials.

A row's draw is the inverse of its cumulative distribution at a uniform number of its own (`uniforms`), so what a
sequence becomes depends on its seed and on no other row. Filters work in the order temperature, top-k, top-p of what
that left, min-p; tokens exactly as likely as the last one kept are kept too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import xxhash
from torch import Tensor

from workbench.errors import UserError

_BLOCK = 256  # tokens whose mass is summed before the draw looks into them
_BELOW_ONE = 1 - 2**-50  # a number times this share of a sum is below it, whatever is rounded
_GREEDY = 1e-6  # a lower temperature is 0: float32 cannot divide by it, and only ties would be drawn from
_NUCLEUS = 64  # tokens sorted at first to find a nucleus; eight times as many where they do not reach top_p
_GOLDEN, _MIX1, _MIX2 = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


@dataclass(frozen=True, slots=True)
class Params:
    """How to go on from a prompt.

    max_new: tokens at most. temperature: 0 takes the likeliest token, and so does one below 1e-6, which is kept as 0.
    top_k: 0 keeps all. stop: texts that end the sequence and are cut off. stop_ids: tokens that end it, besides the
    model's own end tokens unless `ignore_eos`. alternatives: how many of the likeliest tokens are told for each step.
    Raises UserError for values out of range.
    """

    max_new: int = 128
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    stop: tuple[str, ...] = ()
    stop_ids: tuple[int, ...] = ()
    ignore_eos: bool = False
    alternatives: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 100:
            raise UserError(f"temperature must be between 0 and 100, not {self.temperature}")
        if self.temperature < _GREEDY:
            object.__setattr__(self, "temperature", 0.0)
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p must be above 0 and at most 1, not {self.top_p}")
        if not 0 <= self.min_p <= 1:
            raise UserError(f"min_p must be between 0 and 1, not {self.min_p}")
        for name in ("max_new", "top_k", "alternatives"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} must not be negative, it is {getattr(self, name)}")
        if "" in self.stop:
            raise UserError("a stop text must not be empty")

    @property
    def truncated(self) -> bool:
        """Whether tokens are drawn from less than the whole distribution."""
        return self.temperature > 0 and (self.top_k > 0 or self.top_p < 1 or self.min_p > 0)


class Drawn(NamedTuple):
    """One token a row: `logprobs` under the whole softmax at the temperature (at temperature 0: at 1), `drawn` under
    what the cuts left; of `alternatives` the ids and log-probabilities [rows, n], likeliest first."""

    tokens: Tensor
    logprobs: Tensor
    drawn: Tensor
    alternatives: tuple[Tensor, Tensor] | None


def sequence_seed(seed: int, prompt: Sequence[int], index: int) -> int:
    """The seed of the `index`-th sequence drawn from a prompt: 64 bits of xxh3 of all three."""
    head = np.array([seed & (2**64 - 1), index], dtype="<u8").tobytes()
    return xxhash.xxh3_64_intdigest(head + np.asarray(prompt, dtype="<i8").tobytes())


def uniforms(seeds: Sequence[int], steps: int) -> Tensor:
    """Numbers in [0, 1) as float64 [rows, steps]: SplitMix64 (Steele, Lea, Flood 2014), one stream a seed."""
    state = np.asarray(seeds, dtype=np.uint64)[:, None] + np.arange(1, steps + 1, dtype=np.uint64) * _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * _MIX1
    state = (state ^ (state >> np.uint64(27))) * _MIX2
    state ^= state >> np.uint64(31)
    return torch.from_numpy((state >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def draw(logits: Tensor, numbers: Tensor, params: Params) -> Drawn:
    """A token for each row of `logits` [rows, vocabulary] (float32, overwritten), at `numbers` [rows] of `uniforms`."""
    rows, vocabulary = logits.shape
    if params.temperature not in (0, 1):
        logits /= params.temperature
    best, likeliest = logits.max(-1, keepdim=True)
    weights = logits.new_empty((rows, -(-vocabulary // _BLOCK) * _BLOCK))
    weights[:, vocabulary:] = 0
    torch.sub(logits, best, out=weights[:, :vocabulary]).exp_()
    cumulated = _blocks(weights).sum(-1).double().cumsum(-1)
    total = kept = cumulated[:, -1:]
    tokens = likeliest
    if params.truncated:
        weights = torch.where(weights >= _least(weights[:, :vocabulary], total, params), weights, 0)
        cumulated = _blocks(weights).sum(-1).double().cumsum(-1)
        kept = cumulated[:, -1:]
    if params.temperature > 0:
        tokens = _locate(_blocks(weights), cumulated, numbers)
    level = best + total.log()  # float64: what is told of the chosen token and of the alternatives is rounded once
    chosen = logits.gather(-1, tokens)
    logprobs = (chosen - level).float()
    if params.temperature == 0:
        drawn = torch.zeros_like(logprobs)
    else:
        drawn = (chosen - (best + kept.log())).float() if params.truncated else logprobs
    alternatives = None
    if params.alternatives:
        values, ids = logits.topk(min(params.alternatives, vocabulary), sorted=True)
        alternatives = ids, (values - level).float()
    return Drawn(tokens.squeeze(-1), logprobs.squeeze(-1), drawn.squeeze(-1), alternatives)


def _blocks(weights: Tensor) -> Tensor:
    """A view [rows, blocks, tokens of a block]."""
    return weights.view(len(weights), -1, _BLOCK)


def _locate(weights: Tensor, cumulated: Tensor, numbers: Tensor) -> Tensor:
    """The token [rows, 1] at which the cumulative weight passes `numbers` times the whole: first the block, then within
    it. weights: [rows, blocks, tokens of a block], cumulated: float64 [rows, blocks]."""
    wanted = numbers[:, None] * (cumulated[:, -1:] * _BELOW_ONE)
    block = torch.searchsorted(cumulated, wanted, right=True)
    each = torch.arange(len(weights), device=weights.device)
    inside = weights[each, block[:, 0]].double().cumsum(-1)
    whole = inside[:, -1:]
    # How far from the end of the block; its sum and its running sum round differently.
    rest = (wanted - cumulated.gather(-1, block)).add_(whole).clamp_(min=0)
    index = torch.searchsorted(inside, torch.minimum(rest, whole * _BELOW_ONE), right=True)
    return index.add_(block, alpha=_BLOCK)


def _least(weights: Tensor, total: Tensor, params: Params) -> Tensor:
    """The smallest weight that is kept, [rows, 1]; the likeliest token weighs 1."""
    rows, vocabulary = weights.shape
    least = torch.full((rows, 1), params.min_p, dtype=weights.dtype, device=weights.device)
    limited = 0 < params.top_k < vocabulary
    if limited:
        sizes = [params.top_k]
    elif params.top_p < 1:
        sizes = [size for size in (_NUCLEUS, 8 * _NUCLEUS, 64 * _NUCLEUS) if size < vocabulary] + [vocabulary]
    else:
        return least
    for size in sizes:
        largest = weights.topk(size).values
        cumulated = largest.double().cumsum(-1)
        mass = cumulated[:, -1:] if limited else total
        if params.top_p == 1:
            index = torch.full_like(least, size - 1, dtype=torch.int64)
            break
        index = (cumulated < params.top_p * mass).sum(-1, keepdim=True)
        if size == sizes[-1] or int(index.max()) < size:
            break
    return torch.maximum(least, largest.gather(-1, index.clamp(max=size - 1)))
