"""Edits as spans of the extracted text: applying them, and drawing the difference from what is stored.

The spans of one document are sorted and never overlap; offsets are code points (Python string indices) of the text as
it was extracted. A personal value is never part of an edit: of a line that is removed with an e-mail address in it,
the stored text shows the typed token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Edit(NamedTuple):
    """One change of one document, or one find that is only flagged."""

    doc: int  # position of the document in the batch
    step: str  # "lines", "citations" or "pii"
    kind: str  # "line:javascript", "citation:mark", "pii:email" ...
    start: int
    end: int
    removed: str | None  # lines and citations: what stood there, personal values replaced by their tokens
    digest: str | None  # pii: keyed hash of the normalised value, equal for equal values within a run
    replacement: str | None  # None: flagged, the text stays as it is


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
