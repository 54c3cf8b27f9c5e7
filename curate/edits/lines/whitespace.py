"""White space as other systems leave it after their line rules."""

from __future__ import annotations

from collections.abc import Iterator

from curate.edits.lines.rule import Batch
from curate.edits.spans import Edit

KIND = "line:whitespace"


def respaced(text: str, origin: int, doc: int, batch: Batch, edits: list[Edit], variant: str) -> list[Edit]:
    r"""The edits of a document and those of its white space.

    C4 joins its lines, each stripped, by "\n" and strips the whole; DCLM only strips the whole.
    """
    if variant.startswith("c4"):
        edits = sorted([*edits, *_between(text, origin, doc, batch, edits)], key=lambda edit: (edit.start, edit.end))
    return _trimmed(text, doc, edits)


def _between(text: str, origin: int, doc: int, batch: Batch, edits: list[Edit]) -> Iterator[Edit]:
    """White space at the ends of lines, where no other edit has taken the place."""
    of_doc = slice(batch.lines.first[doc], batch.lines.first[doc + 1])
    begins, lefts, rights = (
        (offsets[of_doc] - origin).tolist() for offsets in (batch.lines.begin, batch.shape.begin, batch.shape.end)
    )
    taken = 0
    for begin, left, right, end in zip(begins, lefts, rights, [*begins[1:], len(text)], strict=False):
        # The strip of the whole takes the line end that the last line would get here.
        for start, stop, replacement in ((begin, left, ""), (right, end, "\n" if end < len(text) else "")):
            while taken < len(edits) and edits[taken].end <= start:
                taken += 1
            free = taken == len(edits) or edits[taken].start >= stop
            if free and text[start:stop] != replacement:
                yield Edit(doc, "lines", KIND, start, stop, text[start:stop], None, replacement)


def _trimmed(text: str, doc: int, edits: list[Edit]) -> list[Edit]:
    """Take away the white space with which the edited text would begin and end."""
    pieces: list[Edit | tuple[int, int]] = []
    at = 0
    for edit in edits:
        pieces += [(at, edit.start), edit]
        at = edit.end
    pieces.append((at, len(text)))
    _strip(text, doc, pieces, from_left=True)
    _strip(text, doc, pieces, from_left=False)
    return [piece for piece in pieces if isinstance(piece, Edit)]


def _strip(text: str, doc: int, pieces: list[Edit | tuple[int, int]], from_left: bool) -> None:
    for index in range(len(pieces)) if from_left else range(len(pieces) - 1, -1, -1):
        piece = pieces[index]
        if isinstance(piece, Edit):
            if piece.replacement is None or piece.replacement.strip():
                return
            pieces[index] = piece._replace(replacement="")
            continue
        begin, end = piece
        bare = text[begin:end].lstrip() if from_left else text[begin:end].rstrip()
        start, stop = (begin, end - len(bare)) if from_left else (begin + len(bare), end)
        if start < stop:
            blank = Edit(doc, "lines", KIND, start, stop, text[start:stop], None, "")
            kept = [(stop, end) if from_left else (begin, start)] if bare else []
            pieces[index : index + 1] = [blank, *kept] if from_left else [*kept, blank]
        if bare:
            return
