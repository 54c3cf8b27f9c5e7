"""Two texts beside each other, aligned word by word, with what only one of them says marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from workbench.html import Html, Span, mark, visible

MOST_CHARACTERS = 60_000
MOST_PLACES = 150
_SAME, _OTHER = 300, 3000


class Aligned(NamedTuple):
    """Markup of a table of two columns; `places` where the texts differ, and whether all of both texts is in it."""

    markup: Html
    places: int
    whole: bool


def aligned(
    left: str, right: str, titles: tuple[str, str], shared: tuple[Sequence[tuple[int, int]], ...] = ((), ())
) -> Aligned:
    """The places where two texts differ, in order, with what is the same between them (`curate.ask.wording`).

    shared: code points of the left and of the right text to be shaded besides. Texts longer than `MOST_CHARACTERS`
    are compared up to there, and at most `MOST_PLACES` differences are drawn.
    """
    from curate.ask.wording import places

    whole = max(len(left), len(right)) <= MOST_CHARACTERS
    left, right = left[:MOST_CHARACTERS], right[:MOST_CHARACTERS]
    marks = [[Span(*span, "a shingle of both texts", "shared") for span in side] for side in shared]
    rows: list[Html] = []
    differing = 0
    for place in places(left, right):
        differing += not place.same
        if differing > MOST_PLACES:
            whole = False
            continue
        only = (
            [Span(*span, f"only in {titles[0]} at this place", "removed") for span in place.only_kept],
            [Span(*span, f"only in {titles[1]} at this place", "added") for span in place.only_dropped],
        )
        note = Html('<span class="gap">elsewhere in the other text</span> ') if place.moved else Html("")
        room = _SAME if place.same else _OTHER
        cells = (
            _cell(left, place.kept, [*marks[0], *only[0]], room, note),
            _cell(right, place.dropped, [*marks[1], *only[1]], room, note),
        )
        rows.append(Html(f'<tr class="{"same" if place.same else "other"}">{cells[0]}{cells[1]}</tr>'))
    head = "".join(f"<th>{visible(title)}</th>" for title in titles)
    table = f'<table class="aligned"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return Aligned(Html(table), min(differing, MOST_PLACES), whole)


def _cell(text: str, span: tuple[int, int], marks: Sequence[Span], room: int, note: Html) -> Html:
    begin, end = span
    if end - begin <= room + room // 2:
        return Html(f"<td>{note if end > begin else ''}{_marked(text, begin, end, marks)}</td>")
    head, tail = begin + room // 2, end - room // 2
    gap = f'<span class="gap"> ⋯ {tail - head:,} characters ⋯ </span>'
    return Html(f"<td>{note}{_marked(text, begin, head, marks)}{gap}{_marked(text, tail, end, marks)}</td>")


def _marked(text: str, begin: int, end: int, marks: Sequence[Span]) -> Html:
    inside = [
        span._replace(start=max(span.start, begin) - begin, end=min(span.end, end) - begin)
        for span in marks
        if span.start < end and span.end > begin
    ]
    return mark(text[begin:end], inside)
