"""Markdown from the disk as markup of our own: headings, lists, tables, quotes and code; nothing else is markup.

A card may come from anywhere, so that every character of it is escaped, and links, pictures and HTML stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from workbench.html import Html, table, visible

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
_ITEM = re.compile(r"[ \t]{0,6}(?:[-*+]|\d{1,9}[.)])[ \t]+(.*)")
_ORDERED = re.compile(r"[ \t]{0,6}\d{1,9}[.)][ \t]")
_RULE = re.compile(r"[ \t]*\|?[ \t:|-]*-[ \t:|-]*\|?[ \t]*")
_SPANS = re.compile(r"(`[^`\n]{1,400}`|\*\*[^*\n]{1,400}\*\*)")
_BAR = re.compile(r"(?<!\\)\|")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_LINE = re.compile(r" {0,3}(?:-[ \t]*){3,}")
LONGEST = 1 << 18
_ROWS = 500


def render(text: str) -> Html:
    """At most `LONGEST` characters of it; what is cut is said. Headings begin at h4, below those of the page."""
    lines = text[:LONGEST].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    parts = list(_blocks(lines))
    if len(text) > LONGEST:
        parts.append(f"<p>… {len(text) - LONGEST:,} characters more are not shown.</p>")
    return Html(f'<div class="card" dir="auto">{"".join(parts)}</div>')


def _blocks(lines: list[str]) -> Iterator[str]:
    place = 0
    if lines and lines[0].strip() == "---" and "---" in (line.strip() for line in lines[1:]):
        place = 2 + [line.strip() for line in lines[1:]].index("---")
        yield f"<pre>{visible(chr(10).join(lines[1 : place - 1]))}</pre>"
    while place < len(lines):
        line = lines[place]
        if not line.strip():
            place += 1
            continue
        for kind, read in _KINDS:
            if kind(lines, place):
                place, part = read(lines, place)
                yield part
                break


def _is_table(lines: list[str], place: int) -> bool:
    return "|" in lines[place] and place + 1 < len(lines) and _RULE.fullmatch(lines[place + 1]) is not None


def _table(lines: list[str], place: int) -> tuple[int, str]:
    head = _cells(lines[place])
    end = place + 2
    while end < len(lines) and "|" in lines[end]:
        end += 1
    rows = [(_cells(line) + [Html("")] * len(head))[: len(head)] for line in lines[place + 2 : end][:_ROWS]]
    caption = f"the first {_ROWS} of {end - place - 2:,} rows" if end - place - 2 > _ROWS else ""
    return end, table(head, rows, caption)


def _cells(line: str) -> list[Html]:
    inner = line.strip().removeprefix("|")
    return [_inline(cell.strip()) for cell in _BAR.split(inner.removesuffix("|"))[:50]]


def _code(lines: list[str], place: int) -> tuple[int, str]:
    end = place + 1
    while end < len(lines) and not lines[end].startswith("```"):
        end += 1
    return end + 1, f"<pre>{visible(chr(10).join(lines[place + 1 : end]))}</pre>"


def _heading(lines: list[str], place: int) -> tuple[int, str]:
    found = _HEADING.fullmatch(lines[place].rstrip())
    assert found is not None
    level = min(6, 3 + len(found[1]))
    return place + 1, f"<h{level}>{_inline(found[2])}</h{level}>"


def _line(lines: list[str], place: int) -> tuple[int, str]:
    return place + 1, "<hr>"


def _list(lines: list[str], place: int) -> tuple[int, str]:
    ordered = _ORDERED.match(lines[place]) is not None
    items = []
    while place < len(lines) and (found := _ITEM.fullmatch(lines[place])) is not None:
        if (_ORDERED.match(lines[place]) is not None) != ordered:
            break
        items.append(f"<li>{_inline(found[1])}</li>")
        place += 1
    tag = "ol" if ordered else "ul"
    return place, f"<{tag}>{''.join(items)}</{tag}>"


def _quote(lines: list[str], place: int) -> tuple[int, str]:
    end = place
    while end < len(lines) and lines[end].startswith(">"):
        end += 1
    return end, f"<blockquote>{_inline(' '.join(line[1:].strip() for line in lines[place:end]))}</blockquote>"


def _paragraph(lines: list[str], place: int) -> tuple[int, str]:
    end = place + 1
    while end < len(lines) and lines[end].strip() and not any(kind(lines, end) for kind, _ in _KINDS[:-1]):
        end += 1
    return end, f"<p>{_inline(' '.join(line.strip() for line in lines[place:end]))}</p>"


_KINDS = (
    (lambda lines, place: lines[place].startswith("```"), _code),
    (lambda lines, place: _HEADING.fullmatch(lines[place].rstrip()) is not None, _heading),
    (_is_table, _table),
    (lambda lines, place: _LINE.fullmatch(lines[place]) is not None, _line),
    (lambda lines, place: _ITEM.fullmatch(lines[place]) is not None, _list),
    (lambda lines, place: lines[place].startswith(">"), _quote),
    (lambda lines, place: True, _paragraph),
)


def _inline(text: str) -> Html:
    """Code and bold, which cards use; all else is text."""
    parts = []
    for part in _SPANS.split(text):
        if len(part) > 2 and part.startswith("`") and part.endswith("`"):
            parts.append(f"<code>{visible(part[1:-1])}</code>")
        elif len(part) > 4 and part.startswith("**") and part.endswith("**"):
            parts.append(f"<strong>{_text(part[2:-2])}</strong>")
        else:
            parts.append(_text(part))
    return Html("".join(parts))


def _text(text: str) -> Html:
    return visible(_ESCAPED.sub(r"\1", text))
