"""What a rollout and all that is learned from it costs, for a forecast: a step of these sources is a whole rollout."""

from __future__ import annotations

from typing import Any

import numpy as np

from train.data.batch import Batch, Source
from train.rl.rollout import Rollouts


class Rehearsal:
    """The rows of whole rollouts with all their epochs, answered by the policy as it is and measured, but neither
    judged nor stored. readers: terms that read each of them."""

    def __init__(self, rollouts: Rollouts, readers: int) -> None:
        self._rollouts, self._readers = rollouts, readers
        self._made = 0
        self._left = 0
        self._held: list[Batch] = []

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        """The micro-batches of one rank in the next rollout, whichever step is asked for: a forecast of a training with
        one rollout asks for the same step again and again."""
        if not self._left:
            self._held, self._left = self._next(rank, world), self._readers
        self._left -= 1
        return self._held

    def _next(self, rank: int, world: int) -> list[Batch]:
        plan, found = self._rollouts.plan, self._rollouts.unjudged(self._made)
        self._made += 1
        mine = np.tile(np.arange(len(found), dtype=np.int64)[rank::world], plan.epochs)
        how: dict[str, Any] = {"width": plan.width, "micro_tokens": plan.micro_tokens, "fresh": False}
        return [batch for part in np.array_split(mine, plan.steps_each) for batch in found.batches(part, **how)]

    def seen(self, steps: int) -> dict[str, dict[str, float]]:
        """As of the rollouts themselves."""
        return self._rollouts.seen(steps)


class Together:
    """The rows of so many steps of a source in one."""

    def __init__(self, source: Source, steps: int) -> None:
        self._source, self._steps = source, steps

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        """The micro-batches of one rank in the steps of rollout number `step`."""
        steps = range(step * self._steps, (step + 1) * self._steps)
        return [batch for each in steps for batch in self._source.batches(each, rank, world)]

    def seen(self, steps: int) -> dict[str, dict[str, float]]:
        """As of the source."""
        return self._source.seen(steps * self._steps)
