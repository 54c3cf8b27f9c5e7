"""Documents with our marks in them: personal data as chips, cuts, benchmark items, what was changed. Always escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.html import Html, Span, escape, mark, visible

if TYPE_CHECKING:
    from curate.edits.spans import Edit, Piece

MOST_BYTES = 200_000
MOST_MARKUP = 400_000
"""Characters of markup: hidden characters are spelled out, so that a short text may make a long page."""
_CONTEXT = 160
_LONGEST_CUT = 4000


class Shown(NamedTuple):
    """Markup, and of how much of the text it is: characters shown, and all that there are."""

    markup: Html
    shown: int
    total: int


def first_part(text: str) -> str:
    """The beginning of a text, `MOST_BYTES` of UTF-8 at most; no character is cut in two."""
    if len(text) * 4 <= MOST_BYTES:
        return text
    return text.encode("utf-8", "replace")[:MOST_BYTES].decode("utf-8", "ignore")


def pieces_of(text: str, edits: Sequence[dict[str, Any]]) -> tuple[list[Piece], str]:
    """The edited text cut at its edits (rows of the run's table), and what is wrong where they are not of this text."""
    from curate.edits.spans import Edit, Piece, difference

    try:
        return list(difference(text, [Edit(0, *_fields(row)) for row in edits])), ""
    except ValueError as error:
        return [Piece(None, text, text)], str(error)


def _fields(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("step", "kind", "start", "end", "removed", "digest", "replacement"))


def final(pieces: Sequence[Piece], spans: Sequence[Span] = ()) -> Shown:
    """The text as it was stored: replaced personal data as chips with its kind, `✂` where something was cut out, and
    `spans` (of the stored text) highlighted."""
    return _fitting(pieces, lambda parts: _final(parts, sorted(spans)))


def difference(pieces: Sequence[Piece]) -> Shown:
    """The text as it was extracted and as it was stored: `−` what went, `+` what came, unchanged passages shortened."""
    return _fitting(pieces, _difference)


def _fitting(pieces: Sequence[Piece], draw: Any) -> Shown:
    """As much of the text as the two limits allow: halved until the markup is small enough."""
    total = sum(len(piece.after) for piece in pieces)
    room = MOST_BYTES
    while True:
        parts = _limited(pieces, room)
        markup = draw(parts)
        if len(markup) <= MOST_MARKUP or room < 2000:
            return Shown(markup, sum(len(piece.after) for piece in parts), total)
        room //= 2


def _limited(pieces: Sequence[Piece], room: int) -> list[Piece]:
    """The first pieces, of `room` bytes in all; what an edit removed counts as well."""
    out = []
    for piece in pieces:
        after = piece.after.encode("utf-8", "replace")
        if len(after) > room:
            part = after[:room].decode("utf-8", "ignore")
            if piece.edit is None and part:
                out.append(piece._replace(before=part, after=part))
            break
        out.append(piece)
        room -= len(after) + min(_LONGEST_CUT, len(piece.before or "") if piece.edit is not None else 0)
        if room <= 0:
            break
    return out


def _final(pieces: Sequence[Piece], spans: Sequence[Span]) -> Html:
    out = []
    at = 0
    for piece in pieces:
        if piece.edit is None:
            out.append(mark(piece.after, _within(spans, at, at + len(piece.after))))
        else:
            out.append(_chip(piece.edit, piece.after, _within(spans, at, at + len(piece.after))))
        at += len(piece.after)
    return Html("".join(out))


def _within(spans: Sequence[Span], begin: int, end: int) -> list[Span]:
    """The spans that touch a stretch, in its own offsets."""
    touching = (span for span in spans if span.start < end and span.end > begin)
    return [span._replace(start=max(span.start, begin) - begin, end=min(span.end, end) - begin) for span in touching]


def _chip(edit: Edit, after: str, spans: Iterable[Span]) -> Html:
    name = edit.kind.removeprefix("pii:")
    if edit.replacement is None:
        note = f"{name}: found, and left as it is"
        return mark(after, [*spans, Span(0, len(after), note, "flagged")])
    if edit.step == "pii":
        token = f"<{name.upper()}>"
        shown = name if after == token else f"{name}: {after}"
        note = f"personal data ({name}), replaced; its value was not stored"
        return Html(f'<span class="chip" title="{escape(note)}">{visible(shown)}</span>')
    told = f"{edit.kind}: {edit.end - edit.start:,} characters were cut here"
    cut = f'<span class="cut" title="{escape(told)}" role="img" aria-label="{escape(told)}">✂</span>'
    return Html(cut + mark(after, spans))


def _difference(pieces: Sequence[Piece]) -> Html:
    out = []
    for number, piece in enumerate(pieces):
        if piece.edit is None:
            out.append(_unchanged(piece.after, first=number == 0, last=number == len(pieces) - 1))
        elif piece.edit.replacement is None:
            note = f"{piece.edit.kind}: found, and left as it is"
            out.append(mark(piece.after, [Span(0, len(piece.after), note, "flagged")]))
        else:
            out.append(_changed(piece))
    return Html("".join(out))


def _changed(piece: Piece) -> Html:
    assert piece.edit is not None
    note = escape(f"{piece.edit.step}: {piece.edit.kind}")
    if piece.before is None:
        before = visible(f"[{piece.edit.kind.removeprefix('pii:')}: {piece.edit.end - piece.edit.start} characters]")
    else:
        more = len(piece.before) - _LONGEST_CUT
        before = visible(piece.before[:_LONGEST_CUT] + (f" … {more:,} more characters" if more > 0 else ""))
    out = f'<del title="{note}"><b class="sign">−</b>{before}</del>' if before else ""
    if piece.after:
        out += f'<ins title="{note}"><b class="sign">+</b>{visible(piece.after)}</ins>'
    return Html(out)


def _unchanged(text: str, *, first: bool, last: bool) -> Html:
    """What stands before and after an edit; the middle of a long passage is left out, and its length stands there."""
    head, tail = (0 if first else _CONTEXT), (0 if last else _CONTEXT)
    if len(text) <= head + tail + _CONTEXT:
        return visible(text)
    left = len(text) - head - tail
    gap = Html(f'<span class="gap">⋯ {left:,} characters unchanged ⋯</span>')
    return Html(visible(text[:head]) + gap + visible(text[len(text) - tail :] if tail else ""))
