"""Judging pairs: which order, what the judge sees, and what two orders together say; every verdict is stored."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evalkit.judge.types import Duel, Judge, Verdict
from evalkit.judge.winrate import is_switched
from evalkit.statistics.intervals import Estimate, mean
from workbench.endpoints.cache import Cache
from workbench.errors import Exit, UserError

VERDICTS = Path("cache") / "verdicts.sqlite"
"""Where, under the workspace, verdicts are kept for all runs. Of a judge behind a server its address and name are
known, not its weights: who puts another model behind the same name asks anew (`--no-cache`)."""
SCRATCH = Path("units") / "verdicts.sqlite"
"""Where, in a run, they are kept until it is finished, for a run that leaves the others alone."""
"""Where, under the workspace, verdicts are kept for all runs."""
_UNIT = 32  # duels that are judged together and stored together


class Judged(NamedTuple):
    """What is known of one pair, its first answer the baseline's.

    share: that the second is better, the mean of the orders asked; NaN without a verdict. as_is, turned: the verdict in
    either order, of the answer shown second; None where that order was not asked.
    """

    share: float
    as_is: Verdict | None
    turned: Verdict | None
    error: str | None

    @property
    def said(self) -> str:
        """What the judge wrote, in the orders asked."""
        return "\n\n".join(one.said for one in (self.as_is, self.turned) if one is not None and one.said)


@dataclass(frozen=True, slots=True)
class Asked:
    """The duels of a job and what of each is asked: (as it is, turned)."""

    duels: Sequence[Duel]
    orders: Sequence[tuple[bool, bool]]

    @classmethod
    def of(cls, duels: Sequence[Duel], judge: Judge, order: str) -> Asked:
        """Plan a job. Equal answers are a tie that nobody is asked about."""
        orders = []
        for duel in duels:
            turned = is_switched(duel.instruction)
            if duel.first == duel.second:
                orders.append((False, False))
            elif not judge.ordered:
                orders.append((True, False))
            else:
                orders.append((True, True) if order == "both" else (not turned, turned))
        return cls(duels, orders)

    def questions(self) -> list[Duel]:
        """Every duel as the judge is to see it, the orders of one after another."""
        found = []
        for duel, (as_is, turned) in zip(self.duels, self.orders, strict=True):
            found += [duel] * as_is + [duel.turned()] * turned
        return found


def judge_all(
    asked: Asked, judge: Judge, store: Path, *, told: Callable[[int, int], None] = lambda done, failed: None
) -> list[Judged]:
    """Judge what has no verdict yet, in units that are stored whole; then put the orders of every pair together.

    Failures are not stored, so that another run may have more luck. Raises UserError (exit 3) where a judge gives not
    one verdict.
    """
    questions = asked.questions()
    found: dict[Duel, Verdict] = {}
    failed = 0
    with Cache(store) as cache:
        wanted = list(dict.fromkeys(questions))
        for start in range(0, len(wanted), _UNIT):
            unit = wanted[start : start + _UNIT]
            keys = [_key(judge, duel) for duel in unit]
            known = {duel: body for duel, key in zip(unit, keys, strict=True) if (body := cache.get(key)) is not None}
            found |= {duel: Verdict(body["share"], body["said"]) for duel, body in known.items()}
            missing = [duel for duel in unit if duel not in known]
            verdicts = _asked(judge, missing, failed < len(found)) if missing else []
            fresh = dict(zip(missing, verdicts, strict=True))
            found |= fresh
            good = {
                _key(judge, duel): {"share": float(verdict.share), "said": verdict.said}
                for duel, verdict in fresh.items()
                if verdict.error is None and math.isfinite(verdict.share)
            }
            cache.put_all(good)
            failed += len(fresh) - len(good)
            told(start + len(unit), failed)
    if found and failed == len(found):
        first = next(verdict.error for verdict in found.values())
        message = f"{judge.name} gave no verdict on any of {failed:,} questions: {first}"
        raise UserError(message, hint="put it right and run the same command again", code=Exit.PARTIAL)
    return [_together(found, duel, orders) for duel, orders in zip(asked.duels, asked.orders, strict=True)]


def _asked(judge: Judge, duels: Sequence[Duel], has_judged: bool) -> list[Verdict]:
    """The verdicts. A judge that fails on all of `duels` has failed on these alone if it has judged others before: one
    question that a server refuses must not keep a job from its end."""
    try:
        return judge.judge(duels)
    except UserError as error:
        if error.code != Exit.PARTIAL or not has_judged:
            raise
        return [Verdict(math.nan, error=error.message)] * len(duels)


def _key(judge: Judge, duel: Duel) -> str:
    text = json.dumps(["verdict", 1, judge.digest, duel.instruction, duel.first, duel.second])
    return hashlib.sha256(text.encode()).hexdigest()


def _together(found: dict[Duel, Verdict], duel: Duel, orders: tuple[bool, bool]) -> Judged:
    if orders == (False, False):
        return Judged(0.5, None, None, None)
    as_is = found[duel] if orders[0] else None
    turned = found[duel.turned()] if orders[1] else None
    errors = [one.error for one in (as_is, turned) if one is not None and one.error is not None]
    shares = ([as_is.share] if as_is is not None else []) + ([1 - turned.share] if turned is not None else [])
    # One order alone would let the judge's liking for a place into the mean.
    if errors:
        return Judged(math.nan, as_is, turned, errors[0])
    return Judged(math.fsum(shares) / len(shares), as_is, turned, None)


class Position(NamedTuple):
    """What the order does: how much more than half the answer shown first gets, and how often both orders agree."""

    first: Estimate
    consistent: Estimate


def position(judged: Sequence[Judged]) -> Position | None:
    """From pairs with a verdict in both orders; None where there are none."""
    both = [
        (one.as_is.share, one.turned.share)
        for one in judged
        if one.error is None and one.as_is is not None and one.turned is not None
    ]
    if not both:
        return None
    shares = np.array(both)
    agree = np.sign(shares[:, 0] - 0.5) == -np.sign(shares[:, 1] - 0.5)
    return Position(mean(0.5 - shares.mean(1)), mean(agree.astype(np.float64)))
