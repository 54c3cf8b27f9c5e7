"""What a response is worth that was cut off before it came to an end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from train.rewards.types import Floats

WithoutEnd = Annotated[float, Field(allow_inf_nan=False)] | Literal["lowest", "reward"]
"""`lowest`: the lowest score of those that were drawn with it, so that no answer is worth more for having no end,
whatever the scale of the reward; where none came to an end, what the reward says. `reward`: what the reward says, as
if it had ended there. Or a number."""


def without_end(scores: Floats, ended: Sequence[bool], rule: WithoutEnd) -> Floats:
    """The scores of responses that were drawn together, with those of the ones that did not end by a rule.

    scores: float64, of any shape; ended: one for each of them, in their order.
    """
    cut = ~np.array(ended, np.bool_).reshape(scores.shape)
    if rule == "reward" or not cut.any() or (rule == "lowest" and cut.all()):
        return scores
    return np.where(cut, scores.min() if rule == "lowest" else rule, scores)
