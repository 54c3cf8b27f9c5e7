"""Where two texts differ word for word: letters in capitals and a comma count, white space does not.

The search for near duplicates folds both away; a reader who is shown a difference wants to see all of it.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np

from curate.ask.side_by_side import Run, Span, anchors, extended

# Words of scripts that are written with blanks; of the others, and of what is no word, every character.
_NO_BLANKS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[^\W{_NO_BLANKS}]+|\S")
_NEARBY = 5  # equal words between two differences that are shown as one place
_MOST = 1_000_000  # pairs of words in a gap that are compared one by one
_PASSAGE = 3  # words that make a passage of which it is told that the other text has it elsewhere


class Place(NamedTuple):
    """Code points of two texts that stand beside each other, and of each what the other does not say there."""

    kept: Span
    dropped: Span
    only_kept: list[Span]
    only_dropped: list[Span]
    moved: bool
    """Whether all that differs is a passage that the other text has at another place; it is not marked."""

    @property
    def same(self) -> bool:
        """Whether the two say the same here."""
        return not (self.only_kept or self.only_dropped or self.moved)


class _Words(NamedTuple):
    spans: list[Span]
    words: list[str]
    line: str  # all words, each between blanks

    @classmethod
    def of(cls, text: str) -> _Words:
        found = list(_WORD.finditer(text))
        words = [each.group() for each in found]
        return cls([each.span() for each in found], words, f" {' '.join(words)} ")


def places(kept: str, dropped: str) -> list[Place]:
    """The two texts in order, cut into places where they differ and what is equal between those."""
    left, right = _Words.of(kept), _Words.of(dropped)
    out: list[Place] = []
    at_left = at_right = 0
    gap: list[tuple[Span, Span]] = []

    def close() -> None:
        if gap:
            out.append(_place(gap, left, right))
            gap.clear()

    ends = len(left.words), len(right.words)
    for run in [*_equal(left.words, right.words), Run(*ends, 0)]:
        if run.kept > at_left or run.dropped > at_right:
            gap.append(((at_left, run.kept), (at_right, run.dropped)))
        at_left, at_right = run.kept + run.length, run.dropped + run.length
        if run.length > _NEARBY or not gap or (at_left, at_right) == ends:
            close()
            if run.length:
                spans = _cover(left, (run.kept, at_left)), _cover(right, (run.dropped, at_right))
                out.append(Place(*spans, [], [], False))
    return out


def _equal(left: list[str], right: list[str]) -> list[Run]:
    """Runs of equal words in the order of both texts, none touching the next in both.

    Words that occur once in each text hold the alignment; what lies between is compared word by word.
    """
    numbers: dict[str, int] = {}
    one, other = (np.array([numbers.setdefault(w, len(numbers)) for w in words], np.uint32) for words in (left, right))
    firm = extended(anchors(one, other), one, other, 1)
    runs: list[Run] = []
    i = j = 0
    for run in [*firm, Run(len(left), len(right), 0)]:
        if 0 < (run.kept - i) * (run.dropped - j) <= _MOST:
            matcher = SequenceMatcher(None, left[i : run.kept], right[j : run.dropped], autojunk=False)
            runs += [Run(i + each.a, j + each.b, each.size) for each in matcher.get_matching_blocks() if each.size]
        if run.length:
            runs.append(run)
        i, j = run.kept + run.length, run.dropped + run.length
    joined: list[Run] = []
    for run in runs:
        if joined and _end(joined[-1]) == (run.kept, run.dropped):
            run = Run(joined[-1].kept, joined[-1].dropped, joined.pop().length + run.length)
        joined.append(run)
    return joined


def _end(run: Run) -> tuple[int, int]:
    return run.kept + run.length, run.dropped + run.length


def _place(gap: list[tuple[Span, Span]], left: _Words, right: _Words) -> Place:
    """One place of several differences with few equal words between them."""
    only: tuple[list[Span], list[Span]] = ([], [])
    for spans in gap:
        for side, (mine, other) in enumerate(((left, right), (right, left))):
            begin, end = spans[side]
            passage = f" {' '.join(mine.words[begin:end])} "
            if begin < end and not (end - begin >= _PASSAGE and passage in other.line):
                only[side].append(_cover(mine, spans[side]))
    first, last = gap[0], gap[-1]
    kept, dropped = ((first[side][0], last[side][1]) for side in (0, 1))
    return Place(_cover(left, kept), _cover(right, dropped), *only, moved=not (only[0] or only[1]))


def _cover(words: _Words, span: Span) -> Span:
    """Code points of a range of words; of none, an empty span where they would be."""
    begin, end = span
    if begin < end:
        return words.spans[begin][0], words.spans[end - 1][1]
    place = words.spans[begin - 1][1] if begin else 0
    return place, place
