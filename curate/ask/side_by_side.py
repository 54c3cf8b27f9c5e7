"""Two texts beside each other: what the near-duplicate search sees in both, and where the one departs from the other.

Shared shingles come from the code that the search itself runs, so that the similarity shown here is the one by which a
document was removed. They say nothing of order; for reading, the texts are also aligned, by the shingles that occur
once in each of them (the idea of patience diff): a passage that was moved is shared all the same, but stands alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.duplicates.config import Near
from curate.duplicates.shingles import Shingles, shingles, tokens
from curate.segment import Segments

Span = tuple[int, int]


class Stretch(NamedTuple):
    """Code points of the kept and of the dropped text that stand beside each other; of one of them there may be none.

    `same`: the two consist of the same tokens, though white space, and what tokens leave out, may differ.
    """

    kept: Span
    dropped: Span
    same: bool


class SideBySide(NamedTuple):
    """What two texts have in common. Spans are code points, sorted and apart; the stretches cover both texts."""

    kept: list[Span]
    """Where the shared shingles (of texts too short for any: the shared tokens) lie in the kept text."""
    dropped: list[Span]
    shared: int
    """Distinct shingles that both texts have."""
    kept_size: int
    """Distinct shingles of the kept text."""
    dropped_size: int
    stretches: list[Stretch]

    @property
    def jaccard(self) -> float | None:
        """Shared shingles among all; None where neither text has any."""
        return _ratio(self.shared, self.kept_size + self.dropped_size - self.shared)

    @property
    def containment(self) -> float | None:
        """Shared shingles among those of the smaller set; None where a text has none."""
        return _ratio(self.shared, min(self.kept_size, self.dropped_size))


class Run(NamedTuple):
    """`length` tokens from token `kept` of the one text and from token `dropped` of the other are the same."""

    kept: int
    dropped: int
    length: int


def side_by_side(kept: str, dropped: str, near: Near) -> SideBySide:
    """Compare two texts by the shingles of `near`. Texts too short to have any are compared token by token."""
    segments = Segments([kept, dropped])
    found = tokens(segments, near)
    sets = _compare(*shingles(found, near.ngram))
    length = near.ngram if sets.left_size and sets.right_size else 1
    hashes, first = shingles(found, length)
    left, right = hashes[: first[1]], hashes[first[1] :]
    in_left, in_right = np.isin(left, right), np.isin(right, left)
    split = int(found.first[1])
    begin = [found.begin[:split], found.begin[split:] - segments.text.first[1]]
    end = [found.end[:split], found.end[split:] - segments.text.first[1]]
    runs = _trimmed(extended(anchors(left, right), left, right, length))
    return SideBySide(
        _spans(np.flatnonzero(in_left), begin[0], end[0], length),
        _spans(np.flatnonzero(in_right), begin[1], end[1], length),
        sets.shared,
        sets.left_size,
        sets.right_size,
        _stretches(runs, begin, end, (kept, dropped)),
    )


def pieces(text: str, span: Span, marks: Sequence[Span], room: int) -> list[tuple[str, bool]]:
    """A stretch of `text` without the blanks at its ends, cut at the marks: pieces, and whether each is marked.

    Of a stretch much longer than `room` characters the middle is left out, and its length stands there, never marked.
    """
    begin = span[0] + len(text[slice(*span)]) - len(text[slice(*span)].lstrip())
    end = max(begin, span[0] + len(text[slice(*span)].rstrip()))
    if end - begin > room + room // 2:
        head, tail = begin + 2 * room // 3, end - room // 3
        left, right = pieces(text, (begin, head), marks, room), pieces(text, (tail, end), marks, room)
        return [*left, (f" … {tail - head:,} characters … ", False), *right]
    out = []
    for first, last in marks[bisect_left(marks, begin, key=lambda mark: mark[1]) :]:
        if first >= end:
            break
        if begin < first:
            out.append((text[begin:first], False))
        out.append((text[max(begin, first) : min(last, end)], True))
        begin = min(last, end)
    if begin < end:
        out.append((text[begin:end], False))
    return [piece for piece in out if piece[0]]


class _Sets(NamedTuple):
    shared: int
    left_size: int
    right_size: int


def _compare(hashes: Shingles, first: NDArray[np.int64]) -> _Sets:
    left, right = np.unique(hashes[: first[1]]), np.unique(hashes[first[1] :])
    return _Sets(len(np.intersect1d(left, right, assume_unique=True)), len(left), len(right))


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _spans(starts: NDArray[np.int64], begin: NDArray[np.int64], end: NDArray[np.int64], length: int) -> list[Span]:
    """What the shingles that begin at these tokens cover; those that overlap or follow each other as one span."""
    spans: list[Span] = []
    last = -1
    for start in starts.tolist():
        stop = start + length - 1
        if spans and start <= last + 1:
            spans[-1] = (spans[-1][0], int(end[stop]))
        else:
            spans.append((int(begin[start]), int(end[stop])))
        last = stop
    return spans


def anchors(left: Shingles, right: Shingles) -> list[tuple[int, int]]:
    """Places of shingles that occur once in each text, as many as stand in the same order in both."""
    values, at_left, at_right = np.intersect1d(_once(left), _once(right), assume_unique=True, return_indices=True)
    if not len(values):
        return []
    places_left, places_right = _places_once(left)[at_left], _places_once(right)[at_right]
    order = np.argsort(places_left)
    return _rising(list(zip(places_left[order].tolist(), places_right[order].tolist(), strict=True)))


def _once(hashes: Shingles) -> Shingles:
    """The values that occur once, ascending."""
    values, counts = np.unique(hashes, return_counts=True)
    return values[counts == 1]


def _places_once(hashes: Shingles) -> NDArray[np.int64]:
    """Where they stand, in the order of the values."""
    _, index, counts = np.unique(hashes, return_index=True, return_counts=True)
    return index[counts == 1]


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence of pairs (first members ascending) whose second members ascend too."""
    tops: list[int] = []  # smallest last second member of a subsequence of each length
    at: list[int] = []  # the pair it belongs to
    before: list[int] = []
    for number, (_, second) in enumerate(pairs):
        length = bisect_left(tops, second)
        before.append(at[length - 1] if length else -1)
        tops[length : length + 1] = [second]
        at[length : length + 1] = [number]
    chosen = []
    number = at[-1]
    while number >= 0:
        chosen.append(pairs[number])
        number = before[number]
    return chosen[::-1]


def extended(anchors: list[tuple[int, int]], left: Shingles, right: Shingles, length: int) -> list[Run]:
    """Every anchor, and the beginnings and the ends, with the equal shingles before and after it: runs of tokens."""
    runs: list[Run] = []
    done_left = done_right = 0  # shingles before these belong to an earlier run
    for i, j in [(0, 0), *anchors, (len(left) - 1, len(right) - 1)]:
        if not (done_left <= i < len(left) and done_right <= j < len(right)) or left[i] != right[j]:
            continue
        start, stop = 0, 1
        while i - start > done_left and j - start > done_right and left[i - start - 1] == right[j - start - 1]:
            start += 1
        while i + stop < len(left) and j + stop < len(right) and left[i + stop] == right[j + stop]:
            stop += 1
        runs.append(Run(i - start, j - start, start + stop + length - 1))
        done_left, done_right = i + stop, j + stop
    return runs


def _trimmed(runs: list[Run]) -> list[Run]:
    """The runs without what an earlier one covers: shingles overlap, so that two runs may share tokens."""
    out: list[Run] = []
    left = right = 0
    for run in runs:
        cut = max(0, left - run.kept, right - run.dropped)
        if cut < run.length:
            out.append(Run(run.kept + cut, run.dropped + cut, run.length - cut))
            left, right = run.kept + run.length, run.dropped + run.length
    return out


def _stretches(
    runs: list[Run], begin: list[NDArray[np.int64]], end: list[NDArray[np.int64]], texts: tuple[str, str]
) -> list[Stretch]:
    """The two texts cut at the runs; what lies between is the same where it is but for white space."""
    out: list[Stretch] = []
    left = right = 0
    for run in runs:
        sides = []
        for side, start in enumerate((run.kept, run.dropped)):
            sides.append((int(begin[side][start]), int(end[side][start + run.length - 1])))
        _append(out, _between((left, sides[0][0]), (right, sides[1][0]), texts))
        _append(out, Stretch(sides[0], sides[1], True))
        left, right = sides[0][1], sides[1][1]
    _append(out, _between((left, len(texts[0])), (right, len(texts[1])), texts))
    return out


def _between(kept: Span, dropped: Span, texts: tuple[str, str]) -> Stretch:
    return Stretch(kept, dropped, texts[0][slice(*kept)].split() == texts[1][slice(*dropped)].split())


def _append(stretches: list[Stretch], stretch: Stretch) -> None:
    """Add a stretch that is not empty; one that is the same joins one before it that is the same too."""
    if stretch.kept[0] == stretch.kept[1] and stretch.dropped[0] == stretch.dropped[1]:
        return
    if stretches and stretches[-1].same and stretch.same:
        last = stretches.pop()
        stretch = Stretch((last.kept[0], stretch.kept[1]), (last.dropped[0], stretch.dropped[1]), True)
    stretches.append(stretch)
