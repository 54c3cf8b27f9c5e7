"""Edits as spans of the extracted text: applying them, and drawing the difference from what is stored.

The spans of one document are sorted and never overlap; offsets are code points (Python string indices) of the text as
it was extracted. A personal value is never part of an edit: of a line that is removed with an e-mail address in it,
the stored text shows the typed token.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from curate.edits.pii.kinds import token


class Edit(NamedTuple):
    """One change of one document, or one find that is only flagged."""

    doc: int  # position of the document in the batch
    step: str  # "lines", "citations", "pii", "harm", "duplicates" or "contamination"
    kind: str  # "line:javascript", "citation:mark", "pii:email" ...
    start: int
    end: int
    removed: str | None  # but for pii: what stood there, personal values replaced by their tokens
    digest: str | None  # pii: keyed hash of the normalised value, equal for equal values within a run
    replacement: str | None  # None: flagged, the text stays as it is


class Cut(NamedTuple):
    """A stretch of an edited text that goes: another document keeps it, a benchmark has it, or it is harmful."""

    start: int
    end: int
    kind: str  # "paragraph:repeated", "substring:repeated", "contamination:gsm8k", "harm:toxic"
    step: str = "duplicates"  # or "contamination", "harm"


class Piece(NamedTuple):
    """A stretch of a document as it reads before and after the edits."""

    edit: Edit | None  # None where nothing was changed
    before: str | None  # None where it was personal data, of which only the length is known
    after: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The edited text. Raises ValueError when the edits are not sorted, overlap or reach beyond the text."""
    pieces = []
    at = 0
    for edit in edits:
        if not at <= edit.start <= edit.end <= len(text):
            raise ValueError(
                f"edit {edit.kind} at {edit.start}:{edit.end} does not follow {at} in {len(text)} characters"
            )
        if edit.replacement is not None:
            pieces.append(text[at : edit.start])
            pieces.append(edit.replacement)
            at = edit.end
    pieces.append(text[at:])
    return "".join(pieces)


class Before(NamedTuple):
    """An edit that made the text what it is: code points of the extracted text, and what stands there now (None: the
    same as before)."""

    start: int
    end: int
    replacement: str | None


def widened(wanted: Sequence[Cut], before: Sequence[Before]) -> list[Cut]:
    """The cuts with every replacement that one meets inside: of a typed token, no part may stay behind.

    before: the edits that led from the extracted text to this one, sorted by start.
    """
    places = list(_replaced(before))
    out = []
    for one in wanted:
        met = [place for place in places if place[0] < one.end and place[1] > one.start]
        starts, ends = [one.start, *(at for at, _ in met)], [one.end, *(at for _, at in met)]
        out.append(one._replace(start=min(starts), end=max(ends)))
    return out


def _replaced(before: Sequence[Before]) -> Iterator[tuple[int, int]]:
    """Where replacements stand in the edited text."""
    shift = 0
    for edit in before:
        if edit.replacement is not None:
            begin = edit.start + shift
            yield begin, begin + len(edit.replacement)
            shift += len(edit.replacement) - (edit.end - edit.start)


def compose(edited: str, edits: Sequence[Edit], cuts: Sequence[Cut]) -> list[Edit]:
    """The edits of a document and the cuts of its edited text as one list of edits of the extracted text.

    `apply(extracted, compose(edited, edits, cuts))` is the edited text without the cuts. Both lists are sorted and
    without overlaps. What was removed before stays an edit of its own, with the cut on both sides of it; what was
    replaced or flagged within a cut becomes part of it, where a personal value shows as its typed token; of a
    replacement that reaches out of a cut, the rest stays. Raises ValueError when a cut lies beyond the text.
    """
    if cuts and cuts[-1].end > len(edited):
        raise ValueError(f"cut at {cuts[-1].start}:{cuts[-1].end} of a text of {len(edited)} characters")
    composed: list[Edit] = []
    doc = edits[0].doc if edits else 0
    ends = [cut.end for cut in cuts]
    last = -1  # number of the cut of which the latest edit is a part

    def take(number: int, start: int, end: int, removed: str) -> None:
        nonlocal last
        if number == last and composed[-1].end == start:
            composed[-1] = composed[-1]._replace(end=end, removed=f"{composed[-1].removed}{removed}")
        else:
            cut = cuts[number]
            composed.append(Edit(doc, cut.step, cut.kind, start, end, removed, None, ""))
        last = number

    def leave(edit: Edit) -> None:
        nonlocal last
        composed.append(edit)
        last = -1

    extracted_at = at = 0  # one place, in both texts
    for edit in [*edits, None]:
        stop = len(edited) if edit is None else at + edit.start - extracted_at
        for number, start, end in _covered(cuts, ends, at, stop):
            if number >= 0:
                take(number, extracted_at + start - at, extracted_at + end - at, edited[start:end])
        if edit is None:
            break
        at, stop = stop, stop + (edit.end - edit.start if edit.replacement is None else len(edit.replacement))
        pieces = list(_covered(cuts, ends, at, stop))
        if len(pieces) == 1 and pieces[0][0] >= 0:
            take(pieces[0][0], edit.start, edit.end, _shown(edit))
        elif edit.replacement is not None:
            leave(edit._replace(replacement="".join(edited[start:end] for number, start, end in pieces if number < 0)))
        else:
            for number, start, end in pieces:
                if number >= 0:
                    take(number, edit.start + start - at, edit.start + end - at, _shown(edit))
                else:
                    leave(edit._replace(start=edit.start + start - at, end=edit.start + end - at))
        extracted_at, at = edit.end, stop
    return composed


def _covered(cuts: Sequence[Cut], ends: Sequence[int], start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """A stretch of the edited text as pieces (number of the cut, or -1 outside of all, begin, end)."""
    number = bisect_right(ends, start)
    while start < stop:
        if number == len(cuts) or cuts[number].start >= stop:
            yield -1, start, stop
            return
        if start < cuts[number].start:
            yield -1, start, cuts[number].start
            start = cuts[number].start
        end = min(stop, cuts[number].end)
        yield number, start, end
        start = end
        number += 1


def _shown(edit: Edit) -> str:
    """What the record of a cut shows in the place of an edit."""
    return token(edit.kind.removeprefix("pii:")) if edit.removed is None else edit.removed


def difference(edited: str, edits: Iterable[Edit]) -> Iterator[Piece]:
    """The document piece by piece from what a run stores: its edited text and its edits (the values are gone).

    The `after` of all pieces is the edited text; a flagged find is a piece whose two sides are the same.
    Raises ValueError when the edits do not belong to this text.
    """
    extracted_at = 0
    at = 0
    for edit in edits:
        shown = edited[at : at + edit.start - extracted_at]
        if len(shown) != edit.start - extracted_at:
            raise ValueError(f"edit {edit.kind} at {edit.start} lies beyond the edited text")
        if shown:
            yield Piece(None, shown, shown)
        at += len(shown)
        if edit.replacement is None:
            flagged = edited[at : at + edit.end - edit.start]
            yield Piece(edit, flagged, flagged)
            at += len(flagged)
        else:
            if not edited.startswith(edit.replacement, at):
                raise ValueError(f"edit {edit.kind} at {edit.start} does not show its replacement in the edited text")
            yield Piece(edit, edit.removed, edit.replacement)
            at += len(edit.replacement)
        extracted_at = edit.end
    if at < len(edited):
        yield Piece(None, edited[at:], edited[at:])
