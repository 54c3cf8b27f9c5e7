"""Win rates of AlpacaEval from preferences between 1 (the baseline's answer) and 2 (the model's).

Formulas: alpaca_eval 0.6.6, metrics/helpers.py. What it reports besides is told apart from what it leaves out: an
interval, a rate in which ties count half, and how many rows say nothing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often the model's answer is preferred, in percent.

    win_rate: the mean preference. standard_error: of that mean, n - 1 below. discrete: every preference rounded to the
    nearer side, an exact tie counted half. wins, losses, ties: of the preferences. unscored: rows without a preference.
    """

    win_rate: float
    standard_error: float
    discrete: float
    wins: int
    losses: int
    ties: int
    total: int
    unscored: int


def win_rate(preferences: Floats) -> WinRate:
    """Of preferences [rows] in [1, 2], where 0 is the old name of a tie and NaN a row without a verdict."""
    known = preferences[np.isfinite(preferences)]
    known = np.where(known == 0, 1.5, known)
    if len(known) and (known.min() < 1 or known.max() > 2):
        raise ValueError("a preference lies between 1 and 2")
    share, n = known - 1, len(known)
    ties, wins, losses = (int(count.sum()) for count in (share == 0.5, share > 0.5, share < 0.5))
    return WinRate(
        100 * float(share.mean()) if n else math.nan,
        100 * float(share.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan,
        100 * (wins + ties / 2) / n if n else math.nan,
        wins,
        losses,
        ties,
        n,
        len(preferences) - n,
    )


def is_switched(instruction: str, seed: str = "0") -> bool:
    """Whether AlpacaEval shows the two answers to this instruction in the other order; a pure function of the text."""
    return random.Random(f"is_switched_outputs{instruction}{seed}").choices([False, True], k=1)[0]


def weighted_preference(alternatives: Sequence[Mapping[str, Any]], first: str = "m", second: str = "M") -> float:
    """2 - p(first) / (p(first) + p(second)) from the likeliest first tokens of a judge's answer.

    alternatives: of `token` and `logprob`, as chat completions with `top_logprobs` give them. A name that is not among
    them has no probability; where neither is, the judge has not decided: NaN.
    """
    found = {str(one["token"]): float(one["logprob"]) for one in reversed(alternatives)}
    levels = [found.get(name, -math.inf) for name in (first, second)]
    if levels == [-math.inf, -math.inf]:
        return math.nan
    return 2 - 1 / (1 + math.exp(min(levels[1] - levels[0], 700.0)))


def unswitched(preference: float, switched: bool) -> float:
    """The preference as if the baseline's answer had been shown first."""
    return 3 - preference if switched else preference
