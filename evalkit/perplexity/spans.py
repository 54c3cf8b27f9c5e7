"""Where a text is hardest: the stretch of tokens that costs most beyond what its tokens cost on average."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalkit.models.types import Floats, Ints

SHOWN = 240  # characters of a stretch that are kept


class Span(NamedTuple):
    """Characters `start` to before `end` of a text, their tokens, and their loss in nats. said: how it begins."""

    start: int
    end: int
    tokens: int
    loss: float
    said: str


def hardest(text: str, losses: Floats, starts: Ints) -> Span | None:
    """The stretch in which losses exceed their mean by more than a standard deviation by most in all, which is the
    segment of the largest sum (Bentley, Commun. ACM 27, 1984); None where no loss does.

    losses, starts: of each token in nats, and the character where it begins. A stretch ends where the next token
    begins that begins later, so that a character of several tokens is in it whole.
    """
    if len(losses) == 0:
        return None
    over = losses - (losses.mean() + losses.std())
    # The best segment that ends at each place is the sum so far less the smallest sum before it.
    sums = np.concatenate([[0.0], np.cumsum(over)])
    least = np.minimum.accumulate(sums)
    last = int(np.argmax(sums[1:] - least[:-1]))
    if sums[last + 1] - least[last] <= 0:
        return None
    first = int(np.argmin(sums[: last + 1]))
    start = int(starts[first])
    later = starts[starts > starts[last]]
    end = int(later[0]) if len(later) else len(text)
    return Span(
        start, end, last + 1 - first, float(losses[first : last + 1].sum()), text[start : min(end, start + SHOWN)]
    )
