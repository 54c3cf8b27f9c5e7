"""Answers of the baseline itself, written longer or shorter on purpose: what a judge gives for length alone.

They hold the effect of length in place when the length-controlled rate is fitted, and they show what is left of it: the
win rate of the longest version less that of the shortest, before and after length control. A metric that cannot be
gamed by length has a spread near 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from evalkit.judge.length_control import Rows, controlled, gamed_rows, model_rows, refits, standard_lengths
from evalkit.judge.outputs import Matched
from evalkit.statistics.intervals import mean
from workbench.errors import Exit, UserError

_DRAWS = 100


class Version(NamedTuple):
    """One judged version. length: mean characters of its answers. rows: those with a verdict, by instruction."""

    name: str
    length: float
    instructions: Sequence[str]
    rows: Rows


def version(matched: Matched, shares: Sequence[float], difficulty: Mapping[str, float] | None) -> Version:
    """A version from its verdicts. UserError where it has none, or answers what the baseline was not asked."""
    known = [number for number, share in enumerate(shares) if math.isfinite(share)]
    duels = [matched.duels[number] for number in known]
    if not duels:
        raise UserError(f"{matched.model} holds no verdicts", hint="judge these answers first", code=Exit.INPUT)
    strange = [duel for duel in duels if difficulty is not None and duel.instruction not in difficulty]
    if strange:
        message = f"{matched.model}: {len(strange):,} of its instructions are none of the baseline's"
        raise UserError(message, hint="gamed answers are to the same instructions", code=Exit.INPUT)
    first = np.array([len(duel.first) for duel in duels], np.int64)
    second = np.array([len(duel.second) for duel in duels], np.int64)
    hard = np.array([0.0 if difficulty is None else difficulty[duel.instruction] for duel in duels])
    share = np.array([shares[number] for number in known])
    rows = model_rows(share, standard_lengths(first, second), hard)
    return Version(matched.model, float(second.mean()), [duel.instruction for duel in duels], rows)


def gamed(versions: Sequence[Version]) -> Rows | None:
    """The rows that hold the effect of length in place; None where there are no versions."""
    parts = [gamed_rows(one.rows.share, one.rows.length, one.rows.difficulty) for one in versions]
    return Rows(*(np.concatenate(column) for column in zip(*parts, strict=True))) if parts else None


def gameability(versions: Sequence[Version], seed: int = 0) -> dict[str, Any] | None:
    """Each version's rates, and the spread between the longest and the shortest, in points, with intervals.

    Both are compared on the instructions that they share; None where there are not two of them in two versions of
    different length.
    """
    order = sorted(versions, key=lambda one: one.length)
    if len(order) < 2 or order[0].length == order[-1].length:
        return None
    shared = [name for name in order[-1].instructions if name in {*order[0].instructions}]
    if len(shared) < 2:
        return None
    long, short = _taken(order[-1], shared), _taken(order[0], shared)
    held = gamed(versions)
    fits = [controlled(rows, held, draws=0) for rows in (long, short)]
    # The same instructions are drawn for both, so what they have in common does not widen the interval.
    draws = [refits(rows, held, fit, _DRAWS, seed) for rows, fit in zip((long, short), fits, strict=True)]
    low, high = np.quantile(draws[0] - draws[1], (0.025, 0.975))
    raw = mean(100 * (long.share - short.share))
    return {
        "longest": order[-1].name,
        "shortest": order[0].name,
        "n": len(shared),
        "rates": {
            one.name: {"length": one.length, "win_rate": 100 * float(one.rows.share.mean()), "n": len(one.rows.share)}
            for one in order
        },
        "before": {"value": raw.value, "low": raw.low, "high": raw.high},
        "after": {"value": fits[0].rate - fits[1].rate, "low": 100 * float(low), "high": 100 * float(high)},
    }


def _taken(one: Version, names: Sequence[str]) -> Rows:
    place = {name: number for number, name in enumerate(one.instructions)}
    rows = [place[name] for name in names]
    return Rows(*(column[rows] for column in one.rows))
