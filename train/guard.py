"""What happens when a loss, a gradient or a weight is no number."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from workbench.errors import Exit, UserError

Policy = Literal["raise", "skip", "rollback"]
Act = Literal["step", "skip", "rollback"]
WINDOW = 100


@dataclass
class Guard:
    """Decides before each optimizer step, on every rank alike.

    `raise` ends the training, `skip` passes over the step's update, `rollback` goes back to the last checkpoint and
    passes over the step's data when it comes there again. More than `limit` such steps in `WINDOW` end the training
    under every policy: then the data are not the reason. skipped: by step the loss and gradient norm that were found.
    """

    policy: Policy
    limit: int
    skipped: dict[int, tuple[str, str]] = field(default_factory=dict)

    def decide(self, step: int, loss: float, norm: float, weights_finite: bool, can_go_back: bool) -> Act:
        """What to do with a step; UserError (exit 1) where the training must end."""
        if math.isfinite(loss) and math.isfinite(norm):
            return "step"
        what = f"step {step + 1} has the loss {loss} and the gradient norm {norm}"
        if self.policy == "raise":
            raise _ended(what, "lower the learning rate or clip harder, or set guard to skip or rollback")
        self.skipped[step] = (str(loss), str(norm))
        recent = sum(step - WINDOW < each <= step for each in self.skipped)
        if recent > self.limit:
            raise _ended(
                f"{what}, the {recent}th such step of {WINDOW}", "lower the learning rate, or look at the data"
            )
        if self.policy == "skip" and weights_finite:
            return "skip"
        if not can_go_back:
            raise _ended(f"{what}, and there is no checkpoint to go back to", "save checkpoints more often")
        return "rollback"


def _ended(what: str, hint: str) -> UserError:
    return UserError(f"{what}; the last checkpoint stays as it was", hint=hint, code=Exit.GATE)
