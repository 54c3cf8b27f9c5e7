"""In which order sequences are read so that no beginning which they share is computed twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_WORTH = 8
"""A shorter beginning that is shared is computed again: a chain of its own needs no mask."""


class Sought(NamedTuple):
    """The log-probabilities of the last `targets` tokens of `ids`, each after all that stands before it."""

    ids: Sequence[int]
    targets: int


class Piece(NamedTuple):
    """What is computed at once. Flat tokens `begin` to `end` of the plan, in chains: the first token of each
    (`starts`, counted from `begin`) and the position that it stands at (`depths`)."""

    begin: int
    end: int
    starts: Ints
    depths: Ints


class Plan:
    """Sequences in lexicographic order: what one shares with any before it, it shares with the last before it.

    So the path of the last one is all that must be remembered. The last token of a sequence is only foretold and not
    computed, so those that differ in it alone are one.

    tokens: int64 [computed], in the order in which they are computed. The answers sought, in the order of the token
    after which each stands: `after` (its place in `tokens`), `wanted` (the token sought), `request` and `place` (which
    of its targets). longest: positions of the longest path. share: without it every sequence that differs is computed
    from its beginning.
    """

    def __init__(self, sought: Sequence[Sought], *, share: bool = True) -> None:
        keys = [np.asarray(one.ids[:-1], dtype=">u4").tobytes() for one in sought]
        order = sorted(range(len(sought)), key=keys.__getitem__)
        self.longest = max((len(key) // 4 for key in keys), default=0)
        path: Ints = np.zeros(self.longest, dtype=np.int64)  # where in `tokens` each place of the path stands
        tokens, depths, starts, last, size = [], [], [0], np.zeros(0, dtype=">u4"), 0
        asked: list[tuple[Ints, Sequence[int], int]] = []
        for number in order:
            one, ids = sought[number], np.frombuffer(keys[number], dtype=">u4")
            depth = _shared(last, ids)
            if not depth == len(ids) == len(last):
                depth = depth if share and depth >= _WORTH else 0
                new = len(ids) - depth
                path[depth : len(ids)] = np.arange(size, size + new)
                tokens.append(ids[depth:])
                depths.append(depth)
                size += new
                starts.append(size)
                last = ids
            asked.append((path[len(ids) - one.targets : len(ids)].copy(), one.ids[-one.targets :], number))
        self.tokens = np.concatenate([np.zeros(0, dtype=np.int64), *tokens]).astype(np.int64)
        self.starts, self.depths = np.array(starts, dtype=np.int64), np.array(depths, dtype=np.int64)
        after = _joined([places for places, _, _ in asked])
        by_place = np.argsort(after, kind="stable")
        self.after = after[by_place]
        self.wanted = _joined([np.asarray(ids, dtype=np.int64) for _, ids, _ in asked])[by_place]
        self.request = _joined([np.full(len(ids), number, dtype=np.int64) for _, ids, number in asked])[by_place]
        self.place = _joined([np.arange(len(ids), dtype=np.int64) for _, ids, _ in asked])[by_place]

    @property
    def computed(self) -> int:
        """Tokens that are computed in all."""
        return len(self.tokens)

    def pieces(self, tokens: int, chains: int | None = None) -> Iterator[Piece]:
        """All of it in pieces of at most so many tokens and chains; a longer chain is a piece by itself."""
        cuts = [0]
        for number in range(1, len(self.depths)):
            full = self.starts[number + 1] - self.starts[cuts[-1]] > tokens
            if full or number - cuts[-1] == chains:
                cuts.append(number)
        for first, last in pairwise([*cuts, len(self.depths)] if len(self.depths) else []):
            begin, end = int(self.starts[first]), int(self.starts[last])
            yield Piece(begin, end, self.starts[first : last + 1] - begin, self.depths[first:last])


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _shared(a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32]) -> int:
    """How many tokens both begin with."""
    length = min(len(a), len(b))
    differ = (a[:length] != b[:length]).nonzero()[0]
    return int(differ[0]) if len(differ) else length
