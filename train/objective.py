"""What a stage optimises: sums and weights, divided once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn

from train.data.batch import Batch


@dataclass(frozen=True, slots=True)
class Sums:
    """One micro-batch's share of a step.

    loss: the sum to be divided by the step's weight over all micro-batches and ranks. weight: this batch's part of it
    (`Batch.weight`). metrics: (sum, weight) by name, detached; each is summed over everything and divided once.
    """

    loss: Tensor
    weight: float
    metrics: Mapping[str, tuple[Tensor | float, float]] = field(default_factory=dict)


class Objective(Protocol):
    """A pure function of a model and a batch; a stage is one of these and a source of rows, never a second loop."""

    def __call__(self, model: nn.Module, batch: Batch) -> Sums:
        """The sums of one micro-batch."""
        ...
