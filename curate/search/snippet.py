"""The stretch of a text that shows best why it was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

CHARS = 240
_BLANK = re.compile(r"\s")

Spans = list[tuple[int, int]]


def cut(text: str, spans: Sequence[tuple[int, int]], chars: int = CHARS) -> tuple[str, Spans]:
    """About `chars` characters with the most different matches (then the most, then the first), and the matches in it.

    Line breaks become blanks; an ellipsis stands where the text goes on. Without matches it is the text's beginning.
    """
    begin = 0
    if spans:
        first, last = _densest(text, spans, chars)
        middle = (spans[first][0] + spans[last][1]) // 2
        begin = max(0, min(spans[first][0], middle - chars // 2, len(text) - chars))
    end = min(len(text), begin + chars)
    begin, end = _to_blank(text, begin, -1), _to_blank(text, end, 1)
    head, tail = "… " if begin else "", " …" if end < len(text) else ""
    inside = [(max(left, begin), min(right, end)) for left, right in spans if left < end and right > begin]
    shift = len(head) - begin
    return head + _BLANK.sub(" ", text[begin:end]) + tail, [(left + shift, right + shift) for left, right in inside]


def pieces(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is marked; spans stand in order and do not overlap."""
    cuts = [0, *(place for span in spans for place in span), len(text)]
    found = [(text[left:right], bool(number % 2)) for number, (left, right) in enumerate(pairwise(cuts))]
    return [(piece, marked) for piece, marked in found if piece]


def _densest(text: str, spans: Sequence[tuple[int, int]], chars: int) -> tuple[int, int]:
    """The first and the last match of the best window; one match longer than it stands alone."""
    surfaces = [text[left:right].casefold() for left, right in spans]
    best, found, last = (0, 0), (0, 0), 0
    counts: dict[str, int] = {}
    for first, surface in enumerate(surfaces):
        while last < len(spans) and (last <= first or spans[last][1] - spans[first][0] <= chars):
            counts[surfaces[last]] = counts.get(surfaces[last], 0) + 1
            last += 1
        if (len(counts), last - first) > best:
            best, found = (len(counts), last - first), (first, last - 1)
        counts[surface] -= 1
        if not counts[surface]:
            del counts[surface]
    return found


def _to_blank(text: str, place: int, step: int, most: int = 20) -> int:
    """The next blank outwards, where one is near: words are not cut; scripts without blanks are."""
    if place in (0, len(text)):
        return place
    for moved in range(most):
        at = place + step * moved
        if at in (0, len(text)) or (text[at - 1] if step < 0 else text[at]).isspace():
            return at
    return place
