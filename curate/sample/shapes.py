"""Ways in which real pages are broken. Each takes a whole document and must leave its text readable to a browser."""

from __future__ import annotations

import re
from collections.abc import Callable

DEPTH = 220  # deeper than any sane page, not deeper than the parsers' own limit (libxml2's is 256)


def unclosed(html: str) -> str:
    """Paragraphs, list items and divisions are opened and never closed."""
    return re.sub(r"</(?:p|li|div)>", "", html)


def misnested(html: str) -> str:
    """Every third paragraph opens two inline elements and closes them in the wrong order."""
    parts = re.split(r"<p>(.*?)</p>", html, flags=re.DOTALL)
    for at in range(1, len(parts), 2):
        inside = parts[at]
        parts[at] = f"<p><b><i>{inside}</b></p></i>" if at % 3 == 0 else f"<p>{inside}</p>"
    return "".join(parts)


def bodiless(html: str) -> str:
    """No html, head or body element, as from a template engine that lost its frame."""
    return re.sub(r"</?(?:html|head|body)\b[^>]*>|<!DOCTYPE[^>]*>", "", html, flags=re.IGNORECASE)


def deep(html: str) -> str:
    """The body inside some two hundred nested divisions."""
    head, tag, rest = _at_body(html)
    return f"{head}{tag}{'<div>' * DEPTH}{rest.replace('</body>', '</div>' * DEPTH + '</body>')}"


def unfinished(html: str) -> str:
    """The file ends in the middle of a tag of its footer."""
    return html[: html.rindex("<li>") + 12]


def shouted(html: str) -> str:
    """Tags in upper case, attributes without quotes where that is allowed."""
    html = re.sub(r"<(/?)([a-z][a-z0-9]*)", lambda found: f"<{found[1]}{found[2].upper()}", html)
    return re.sub(r'(<[A-Z][^>]*?\b(?:class|id|lang|rel))="([\w-]+)"', r"\1=\2", html)


def entities(html: str) -> str:
    """Punctuation of the text as character references, some of them without a semicolon, some of Windows-1252."""
    head, tag, rest = _at_body(html)
    return head + tag + re.sub(r"(?<=\w), (?=\w)", "&#44; ", rest).replace(" - ", " &#150; ").replace("'", "&#39;")


def nul(html: str) -> str:
    """NUL bytes between elements."""
    return html.replace("</p>\n", "</p>\0\n")


def one_line(html: str) -> str:
    """Everything outside preformatted text on a single line."""
    parts = re.split(r"(<pre.*?</pre>)", html, flags=re.DOTALL)
    return "".join(part if part.startswith("<pre") else part.replace("\n", " ") for part in parts)


def breaks(html: str) -> str:
    """Paragraphs separated by two line breaks and not marked up at all."""
    return re.sub(r"<p>(.*?)</p>\n", r"\1<br><br>\n", html, flags=re.DOTALL)


def _at_body(html: str) -> tuple[str, str, str]:
    found = re.search(r"<body[^>]*>", html, flags=re.IGNORECASE)
    assert found is not None
    return html[: found.start()], found[0], html[found.end() :]


SHAPES: dict[str, Callable[[str], str]] = {
    shape.__name__: shape
    for shape in (unclosed, misnested, bodiless, deep, unfinished, shouted, entities, nul, one_line, breaks)
}
