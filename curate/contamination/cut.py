"""Cutting spans out of edited texts, and saying so in edits of the extracted text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# What is left of a document must be this long, as in lm-eval's janitor; a shorter rest is dropped as a whole.
LEAST_LEFT = 200


class Before(NamedTuple):
    """An edit that made the text what it is: code points of the extracted text, and what stands there now."""

    start: int
    end: int
    replacement: str


class Cut(NamedTuple):
    """A span of the text that goes: code points of the text as it is, and the suite whose item stands there."""

    start: int
    end: int
    suite: str


class Gone(NamedTuple):
    """A new edit: code points of the extracted text, what was removed, and the suite."""

    start: int
    end: int
    removed: str
    suite: str


def merged(cuts: Sequence[Cut], margin: int, length: int) -> list[Cut]:
    """Sorted cuts with the margin on each side, those that touch as one; the first names the suite."""
    out: list[Cut] = []
    for cut in sorted(cuts):
        start, end = max(0, cut.start - margin), min(length, cut.end + margin)
        if out and start <= out[-1].end:
            out[-1] = out[-1]._replace(end=max(out[-1].end, end))
        else:
            out.append(Cut(start, end, cut.suite))
    return out


def cut(text: str, cuts: Sequence[Cut], before: Sequence[Before]) -> tuple[str, list[Gone], set[int]]:
    """The text without the cuts, the edits that say so, and which edits of `before` lose their replacement.

    cuts: as `merged` gives them. before: the edits that led from the extracted text to `text`, sorted by start. A cut
    that meets a replacement takes all of it; the pieces between replacements become edits of their own.
    """
    kept, replaced = _pieces(len(text), before)
    wanted = merged([_widened(one, replaced) for one in cuts], 0, len(text))
    gone: list[Gone] = []
    left: list[str] = []
    at = 0
    for one in wanted:
        left.append(text[at : one.start])
        at = one.end
        for begin, end, extracted in kept:
            start, stop = max(begin, one.start), min(end, one.end)
            if start < stop:
                offset = extracted - begin
                gone.append(Gone(start + offset, stop + offset, text[start:stop], one.suite))
    left.append(text[at:])
    swallowed = {
        number
        for number, (begin, end) in enumerate(replaced)
        if any(one.start <= begin < end <= one.end for one in wanted)
    }
    return "".join(left), gone, swallowed


def _pieces(length: int, before: Sequence[Before]) -> tuple[list[tuple[int, int, int]], list[tuple[int, int]]]:
    """What stands in the text: pieces kept (begin, end, place in the extracted text) and replacements (begin, end)."""
    kept, replaced = [], []
    at = extracted = 0
    for edit in before:
        size = edit.start - extracted
        kept.append((at, at + size, extracted))
        at += size
        replaced.append((at, at + len(edit.replacement)))
        at += len(edit.replacement)
        extracted = edit.end
    kept.append((at, length, extracted))
    return kept, replaced


def _widened(one: Cut, replaced: Sequence[tuple[int, int]]) -> Cut:
    """The cut with every replacement that it meets inside."""
    start, end = one.start, one.end
    for begin, stop in replaced:
        if begin < one.end and stop > one.start:
            start, end = min(start, begin), max(end, stop)
    return one._replace(start=start, end=end)
