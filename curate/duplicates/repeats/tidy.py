"""Where exactly a repeated stretch is cut, so that what is left still reads as text."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.segment import classes
from curate.segment.tables import ALNUM, SPACE

_WORD = 40  # code points of a word that is given back at most
_NEWLINE = 10
# Scripts without spaces between words: a stretch may end anywhere in them.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0xA4CF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


class Cut(NamedTuple):
    """A stretch to cut from a text, and the document that keeps it."""

    start: int
    end: int
    kind: int
    owner: int


def tidied(codes: NDArray[np.uint32], cuts: list[Cut]) -> list[Cut]:
    """The cuts of one text with words whole and one separator left.

    A word of which a cut has only a part stays; cuts with nothing but white space between them are one (of the kind and
    owner of the longer); of the white space on the two sides of a cut the one with more line ends stays, and none at an
    end of the text. `cuts` are sorted and do not touch.
    """
    white = (classes().flags[codes] & SPACE) != 0
    wordy = (classes().flags[codes] & ALNUM) != 0
    for low, high in _UNSPACED:
        wordy &= (codes < low) | (codes > high)
    joined: list[Cut] = []
    for cut in cuts:
        start, end = _whole_words(wordy, cut.start, cut.end)
        if start >= end or white[start:end].all():
            continue
        cut = cut._replace(start=start, end=end)
        if joined and white[joined[-1].end : start].all():
            longer = max(joined[-1], cut, key=lambda each: each.end - each.start)
            joined[-1] = longer._replace(start=joined[-1].start, end=end)
        else:
            joined.append(cut)
    return [cut._replace(start=start, end=end) for cut in joined for start, end in [_edges(codes, white, cut)]]


def _whole_words(wordy: NDArray[np.bool_], start: int, end: int) -> tuple[int, int]:
    at = start
    if start > 0 and wordy[start - 1]:
        while at < end and wordy[at]:
            at += 1
    stop = end
    if end < len(wordy) and wordy[end]:
        while stop > at and wordy[stop - 1]:
            stop -= 1
    return at if at - start <= _WORD else start, stop if end - stop <= _WORD else end


def _edges(codes: NDArray[np.uint32], white: NDArray[np.bool_], cut: Cut) -> tuple[int, int]:
    start, end = cut.start, cut.end
    while white[start]:
        start += 1
    while white[end - 1]:
        end -= 1
    left, right = start, end
    while left > 0 and white[left - 1]:
        left -= 1
    while right < len(codes) and white[right]:
        right += 1
    if left == 0 or right == len(codes):
        return left, right
    before, after = ((codes[a:b] == _NEWLINE).sum() for a, b in ((left, start), (end, right)))
    return (start, right) if left < start and before >= after else (left, end)
