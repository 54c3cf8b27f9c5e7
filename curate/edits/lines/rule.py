"""What a line rule is.

A rule selects lines by their shape, for a whole batch at once; where the shape does not settle the matter, `decide`
reads the line (without its citation marks, if those are edited) and answers with the stretches to cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.edits.lines.shape import Shape
from curate.edits.triggers import Bell
from curate.segment import Spans

Mask = NDArray[np.bool_]
Cuts = list[tuple[int, int]]


class Batch(NamedTuple):
    """The lines of a batch as the rules see them."""

    lines: Spans
    shape: Shape
    heard: NDArray[np.uint64]  # [lines] bits of the automaton

    def rung(self, bell: Bell) -> Mask:
        """The lines in which one of the bell's phrases occurs."""
        return (self.heard >> np.uint64(bell)) & np.uint64(1) != 0


class Rule(NamedTuple):
    """One line rule. `decide` None: every selected line goes."""

    kind: str
    select: Callable[[Batch], Mask]
    decide: Callable[[str], Cuts] | None = None
    strip: bool = True  # whether `decide` gets the line without the white space at its ends


def whole(line: str) -> Cuts:
    """The cut that removes the line."""
    return [(0, len(line))]
