"""From hidden states to losses and log-probabilities, never holding the logits of all positions at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import IGNORED, Batch
from train.objective import Sums

CHUNK = 512
"""Positions whose logits exist at a time."""


def token_logprobs(
    hidden: Tensor, head: Tensor, targets: Tensor, temperature: float = 1.0, chunk: int = CHUNK
) -> Tensor:
    """fp32 log-probabilities of `targets` [...] under softmax(hidden @ head.T / temperature); 0 where IGNORED."""
    logits = (hidden @ head.T).float() / temperature
    found = torch.log_softmax(logits, -1).gather(-1, targets.clamp_min(0)[..., None])[..., 0]
    return torch.where(targets == IGNORED, 0.0, found)


def next_token_loss(hidden: Tensor, head: Tensor, labels: Tensor) -> tuple[Tensor, int]:
    """The sum of cross-entropies over labels that are not IGNORED, in nats, and their number."""
    logits = F.linear(hidden, head).float()
    loss = F.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return loss, int((labels != IGNORED).sum())


def entropy(hidden: Tensor, head: Tensor, temperature: float = 1.0, chunk: int = CHUNK) -> Tensor:
    """fp32 entropy of each position's distribution, in nats; without gradient."""
    with torch.no_grad():
        logs = torch.log_softmax((hidden @ head.T).float() / temperature, -1)
        return -(logs.exp() * logs).sum(-1)


class LanguageModel:
    """The objective of pretraining and supervised fine-tuning: next-token cross-entropy over the labels."""

    def __init__(self, accuracy: bool = False) -> None:
        self.accuracy = accuracy

    def __call__(self, model: nn.Module, batch: Batch) -> Sums:
        """The sum over one micro-batch; `loss` is the mean over labels, `accuracy` the share of them foretold."""
        hidden = model(batch.tokens, batch.positions, batch.docs)
        loss, count = next_token_loss(hidden, model.head, batch.labels)  # type: ignore[arg-type]
        return Sums(loss, batch.weight, {"loss": (loss.detach(), count)})
