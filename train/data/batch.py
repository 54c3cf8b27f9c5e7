"""The one batch of every stage: packed rows of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol

import torch
from torch import Tensor

IGNORED = -100
"""A label that is not trained on (the value that cross-entropy leaves out)."""
PADDING = -1
"""The document number of a position that holds no token."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that one forward pass reads; all tensors but those of `extras` are [rows, width].

    tokens: int64, padding holds any id. labels: int64, the token that position t is to predict (so already shifted),
    `IGNORED` where nothing is learned: prompts, the last token of a document, padding. positions: int64, from 0 in
    each document (a piece of a cut document starts at 0 too). docs: int64, the number of the document in its row,
    `PADDING` where there is none: the only source of attention masks. weight: what the loss is divided by, summed
    over the micro-batches and ranks of a step (labels, pairs, prompts). names: one a row, for messages.
    extras: further tensors of a stage, by name.
    """

    tokens: Tensor
    labels: Tensor
    positions: Tensor
    docs: Tensor
    weight: float
    names: tuple[str, ...] = ()
    extras: Mapping[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        moved: dict[str, Any] = {
            each.name: getattr(self, each.name).to(device, non_blocking=True)
            for each in fields(self)
            if isinstance(getattr(self, each.name), Tensor)
        }
        return replace(self, **moved, extras={name: value.to(device) for name, value in self.extras.items()})


class Source(Protocol):
    """Where a trainer's rows come from: a pure function of the step, so that resuming needs one integer."""

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        """The micro-batches of one rank in one optimizer step; the rows of a step do not depend on rank and world."""
        ...

    def seen(self, steps: int) -> dict[str, dict[str, float]]:
        """What the first so many steps read, by part: rows, tokens, labels, epochs."""
        ...
