"""ROUGE-L of a text against a growing pool (Lin 2004): the longest common subsequence of words, exactly.

F = 2 LCS / (words of one + words of the other), which is the harmonic mean of LCS / words of each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import regex
from numba import njit

Ints = npt.NDArray[np.int32]
_WORDS = regex.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Runs of letters and digits, in lower case: on ASCII text the tokens of Google's rouge_score without stemming."""
    return _WORDS.findall(text.lower())


class Nearest(NamedTuple):
    """The largest F of a text with any in the pool, and the place of that one; -1 where nothing is shared."""

    score: float
    place: int


class Pool:
    """Texts that a new one is compared with."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._codes = np.empty(1024, np.int32)
        self._first = np.zeros(65, np.int64)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, text: str) -> None:
        """Put a text into the pool; an empty one is like no other."""
        codes = [self._ids.setdefault(word, len(self._ids)) for word in words(text)]
        begin = int(self._first[self._size])
        end = begin + len(codes)
        if end > len(self._codes):
            self._codes = np.concatenate([self._codes, np.empty(max(end, len(self._codes)), np.int32)])
        if self._size + 2 > len(self._first):
            self._first = np.concatenate([self._first, np.zeros(len(self._first), np.int64)])
        self._codes[begin:end] = codes
        self._size += 1
        self._first[self._size] = end

    def nearest(self, text: str) -> Nearest:
        """The text in the pool that is most like this one, the first of equals."""
        # Words that no text of the pool has match nothing.
        codes = np.array([self._ids.get(word, -1) for word in words(text)], np.int32)
        score, place = _nearest(self._codes, self._first[: self._size + 1], codes)
        return Nearest(float(score), int(place))


def rouge_l(first: str, second: str) -> float:
    """F of two texts; 0 where one is empty."""
    pool = Pool()
    pool.add(first)
    return pool.nearest(second).score


@njit(cache=True)
def _nearest(pool: Ints, first: npt.NDArray[np.int64], text: Ints) -> tuple[float, int]:
    best, place = 0.0, -1
    row = np.zeros(len(text) + 1, np.int32)
    for number in range(len(first) - 1):
        begin, end = first[number], first[number + 1]
        both = end - begin + len(text)
        # At most the shorter one is shared: most of a large pool is passed over by its lengths.
        if both == 0 or 2.0 * min(end - begin, len(text)) / both <= best:
            continue
        score = 2.0 * _common(pool[begin:end], text, row) / both
        if score > best:
            best, place = score, number
    return best, place


@njit(cache=True)
def _common(one: Ints, other: Ints, row: Ints) -> int:
    """Length of the longest common subsequence, by one row of the table."""
    row[:] = 0
    for code in one:
        diagonal = 0
        for at in range(len(other)):
            above = row[at + 1]
            if code == other[at]:
                row[at + 1] = diagonal + 1
            elif row[at] > above:
                row[at + 1] = row[at]
            diagonal = above
    return row[len(other)]
