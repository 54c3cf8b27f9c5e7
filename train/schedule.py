"""The learning rate of every step: a warm-up, a body and a decay, as a pure function of the step."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from workbench.recipes import Section

Shape = Literal["linear", "1-sqrt", "cosine"]


class ScheduleSettings(Section):
    """How the learning rate goes; lengths below 1 are shares of all steps, others are numbers of steps.

    kind: `cosine` and `linear` fall from the end of the warm-up to the last step; `wsd` (warm-up, stable, decay) stays
    and falls over the last `decay` in the given `shape`; `constant` stays. final: the share of the learning rate that
    a decay ends at. convention: `own` wastes no step, `hf` is that of transformers, whose first step has rate 0.
    """

    kind: Literal["cosine", "wsd", "linear", "constant"] = "cosine"
    warmup: float = Field(default=0.02, ge=0)
    decay: float = Field(default=0.2, ge=0)
    shape: Shape = "1-sqrt"
    final: float = Field(default=0.0, ge=0, le=1)
    convention: Literal["own", "hf"] = "own"


def steps_of(length: float, total: int) -> int:
    """A length of the settings in steps."""
    return min(total, round(length * total) if length < 1 else round(length))


def share_at(step: int, total: int, settings: ScheduleSettings) -> float:
    """The share of the full learning rate in step `step` of `total`, both counted from 0.

    Our convention: warm-up over w steps runs 1/w, 2/w ... 1, and a decay over n steps runs over the shares
    1/(n+1) ... n/(n+1) of its way, so no step has the rate at which nothing is learned (as torchtitan's virtual last
    step, `components/lr_scheduler.py`). transformers counts both from 0: step 0 has rate 0 and is wasted
    (`get_wsd_schedule`, `get_cosine_schedule_with_warmup`, `get_linear_schedule_with_warmup`).
    """
    hf = settings.convention == "hf"
    warmup = steps_of(settings.warmup, total)
    if step < warmup:
        share = (step if hf else step + 1) / warmup
        # Of transformers' schedules this one alone starts its warm-up from the final rate too.
        return settings.final + (1.0 - settings.final) * share if hf and settings.kind == "wsd" else share
    if settings.kind == "constant":
        return 1.0
    length = total - warmup
    if settings.kind == "wsd":
        length = min(length, steps_of(settings.decay, total))
    first = total - length
    if step < first or not length:
        return 1.0
    way = (step - first) / length if hf else (step - first + 1) / (length + 1)
    shape = settings.shape if settings.kind == "wsd" else settings.kind
    return settings.final + (1.0 - settings.final) * _fallen(min(way, 1.0), shape)


def _fallen(way: float, shape: str) -> float:
    """What is left, from 1 to 0, at a share of the way down."""
    if shape == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * way))
    return 1.0 - (math.sqrt(way) if shape == "1-sqrt" else way)
