"""From hidden states to losses and log-probabilities, never holding the logits of all positions at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from train.data.batch import IGNORED, Batch
from train.model.fused import compute_dtype
from train.objective import Sums

_POSITIONS = 512  # on a CPU: more do not make the products faster, and leave the cache
_LOGITS = 1 << 25
_LOGITS_ELSEWHERE = 1 << 27
_HEAD_ROWS = 1024


def chunk_of(head: Tensor) -> int:
    """Positions whose logits exist at a time, for a head [vocab, hidden]."""
    if head.device.type == "cpu":
        return max(64, min(_POSITIONS, _LOGITS // len(head)))
    return max(64, _LOGITS_ELSEWHERE // len(head))


class _Logits:
    """fp32 logits chunk by chunk, in one buffer that the next chunk overwrites; products in the dtype of `head`."""

    def __init__(self, hidden: Tensor, head: Tensor, chunk: int) -> None:
        self.hidden, self.turned, self.chunk = hidden, head.t(), min(chunk, len(hidden)) or 1
        shape = (self.chunk, len(head))
        self.narrow = torch.empty(shape, dtype=head.dtype, device=head.device)
        self.wide = self.narrow if head.dtype == torch.float32 else torch.empty(shape, device=head.device)

    def __iter__(self) -> Iterator[tuple[slice, Tensor]]:
        for start in range(0, len(self.hidden), self.chunk):
            part = slice(start, min(start + self.chunk, len(self.hidden)))
            rows = part.stop - start
            torch.mm(self.hidden[part], self.turned, out=self.narrow[:rows])
            if self.wide is not self.narrow:
                self.wide[:rows].copy_(self.narrow[:rows])
            yield part, self.wide[:rows]

    def as_factor(self, wide: Tensor) -> Tensor:
        """A chunk in the dtype of the products; it overwrites the product that it came from."""
        return wide if self.wide is self.narrow else self.narrow[: len(wide)].copy_(wide)


class _HeadGradient:
    """The gradient of a head in fp32, summed over chunks whose products are in the head's own dtype."""

    def __init__(self, head: Tensor) -> None:
        self.total = torch.zeros(head.shape, device=head.device)
        self.product = None if head.dtype == torch.float32 else torch.empty_like(head)

    def add(self, slope: Tensor, hidden: Tensor) -> None:
        """Add slope.T @ hidden."""
        if self.product is None:
            self.total.addmm_(slope.t(), hidden)
            return
        torch.mm(slope.t(), hidden, out=self.product)
        # Widened in pieces that stay in the cache: adding two dtypes at once is twice as slow.
        for total, product in zip(self.total.split(_HEAD_ROWS), self.product.split(_HEAD_ROWS), strict=True):
            total += product.float()


def _softmax(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithm of the sum of exponentials [rows] and the largest logit; `logits` becomes the probabilities."""
    largest = logits.amax(-1)
    torch.softmax(logits, -1, out=logits)
    return largest - logits.amax(-1).log_(), largest


class _CrossEntropy(torch.autograd.Function):
    """The summed loss of every target; the gradients are made on the way, while a chunk's probabilities exist."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, dtype: torch.dtype, learns: bool
    ) -> tuple[Tensor, Tensor]:
        narrow, factor = hidden.to(dtype), head.to(dtype)
        of_hidden = torch.empty_like(narrow) if learns and ctx.needs_input_grad[0] else None
        of_head = _HeadGradient(factor) if learns and ctx.needs_input_grad[1] else None
        loss = torch.zeros((), dtype=torch.float64 if head.device.type == "cpu" else torch.float32, device=head.device)
        right = torch.zeros((), dtype=torch.int64, device=head.device)
        logits = _Logits(narrow, factor, chunk_of(head))
        for part, chunk in logits:
            column = targets[part, None]
            chosen = chunk.gather(1, column)[:, 0]
            total, largest = _softmax(chunk)
            loss += (total - chosen).sum(dtype=loss.dtype)
            right += (chosen == largest).sum()
            if of_hidden is None and of_head is None:
                continue
            chunk.scatter_add_(1, column, chunk.new_full((), -1.0).expand_as(column))
            slope = logits.as_factor(chunk)
            if of_hidden is not None:
                torch.mm(slope, factor, out=of_hidden[part])
            if of_head is not None:
                of_head.add(slope, narrow[part])
        ctx.grads = of_hidden, None if of_head is None else of_head.total, hidden.dtype, head.dtype
        ctx.mark_non_differentiable(right)
        return loss.float(), right

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        of_hidden, of_head, hidden_dtype, head_dtype = ctx.grads
        ctx.grads = None  # they are scaled in place: a second backward pass must fail, not be wrong
        return (
            None if of_hidden is None else of_hidden.mul_(grad).to(hidden_dtype),
            None if of_head is None else of_head.mul_(grad).to(head_dtype),
            None,
            None,
            None,
        )


def _labelled(hidden: Tensor, head: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, int]:
    """Sum of the losses, number of targets that have the largest logit, number of targets."""
    flat, targets = hidden.flatten(0, -2), labels.flatten()
    kept = (targets != IGNORED).nonzero()[:, 0]
    if len(kept) < len(targets):
        flat, targets = flat[kept], targets[kept]
    # Asked here: within a function of autograd a parameter always needs its gradient, also where none is kept.
    loss, right = _CrossEntropy.apply(flat, head, targets, compute_dtype(head), torch.is_grad_enabled())
    return loss, right, len(kept)


@torch.compiler.disable
def next_token_loss(hidden: Tensor, head: Tensor, labels: Tensor) -> tuple[Tensor, int]:
    """The sum of cross-entropies over labels that are not IGNORED, in nats, and their number.

    hidden: [..., size], head: [vocab, size], labels: int64 [...]. Under autocast the products are in its dtype; the
    softmax is in fp32 always. Only labelled positions cost anything.
    """
    loss, _, count = _labelled(hidden, head, labels)
    return loss, count


class _TokenLogprobs(torch.autograd.Function):
    """Log-probabilities of the targets; the backward pass makes each chunk's probabilities again."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, scale: float, chunk: int, dtype: torch.dtype
    ) -> Tensor:
        ctx.save_for_backward(hidden, head, targets)
        ctx.settings = scale, chunk, dtype
        found = torch.empty(len(hidden), device=head.device)
        for part, logits in _Logits(hidden.to(dtype), head.to(dtype), chunk):
            logits.mul_(scale)
            chosen = logits.gather(1, targets[part, None])[:, 0]
            found[part] = chosen - _softmax(logits)[0]
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        hidden, head, targets = ctx.saved_tensors
        scale, chunk, dtype = ctx.settings
        narrow, factor = hidden.to(dtype), head.to(dtype)
        of_hidden = torch.empty_like(narrow) if ctx.needs_input_grad[0] else None
        of_head = _HeadGradient(factor) if ctx.needs_input_grad[1] else None
        logits = _Logits(narrow, factor, chunk)
        for part, wide in logits:
            torch.softmax(wide.mul_(scale), -1, out=wide)
            factors = (grad[part] * -scale)[:, None]
            wide.mul_(factors).scatter_add_(1, targets[part, None], -factors)
            slope = logits.as_factor(wide)
            if of_hidden is not None:
                torch.mm(slope, factor, out=of_hidden[part])
            if of_head is not None:
                of_head.add(slope, narrow[part])
        return (
            None if of_hidden is None else of_hidden.to(hidden.dtype),
            None if of_head is None else of_head.total.to(head.dtype),
            None,
            None,
            None,
            None,
        )


@torch.compiler.disable
def token_logprobs(
    hidden: Tensor, head: Tensor, targets: Tensor, temperature: float = 1.0, chunk: int | None = None
) -> Tensor:
    """fp32 log-probabilities of `targets` [...] under softmax(hidden @ head.T / temperature); 0 where IGNORED.

    The gradient goes to hidden [..., size] and head [vocab, size]. chunk: positions whose logits exist at a time.
    """
    flat, wanted = hidden.flatten(0, -2), targets.flatten()
    kept = (wanted != IGNORED).nonzero()[:, 0]
    found = _TokenLogprobs.apply(
        flat[kept], head, wanted[kept], 1 / temperature, chunk or chunk_of(head), compute_dtype(head)
    )
    return flat.new_zeros(len(flat), dtype=torch.float32).index_copy(0, kept, found).view(targets.shape)


@torch.no_grad()
def entropy(hidden: Tensor, head: Tensor, temperature: float = 1.0, chunk: int | None = None) -> Tensor:
    """fp32 entropy [...] of each position's distribution, in nats; without a gradient."""
    dtype, flat = compute_dtype(head), hidden.flatten(0, -2)
    found = torch.empty(len(flat), device=head.device)
    for part, logits in _Logits(flat.to(dtype), head.to(dtype), chunk or chunk_of(head)):
        logs = torch.log_softmax(logits.mul_(1 / temperature), -1)
        found[part] = -torch.exp(logs).mul_(logs).sum(-1)
    return found.view(hidden.shape[:-1])


class LanguageModel:
    """The objective of pretraining and supervised fine-tuning: next-token cross-entropy over the labels."""

    @torch.compiler.disable
    def __call__(self, model: nn.Module, batch: Batch) -> Sums:
        """The sums of one micro-batch: `loss` in nats over labels, `accuracy` the labels thought likeliest."""
        hidden = model(batch.tokens, batch.positions, batch.docs)
        loss, right, count = _labelled(hidden, model.head, batch.labels)  # type: ignore[arg-type]
        return Sums(loss, batch.weight, {"loss": (loss.detach(), count), "accuracy": (right, count)})
