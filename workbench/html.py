"""The one place where text from the web or from a model becomes HTML: escaped, and with nothing hidden left in it.

Whatever this module returns as `Html` is safe to put into a page; plain strings are text and are escaped on the way.
"""

import html
import itertools
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from workbench import visible as characters
from workbench.render import cell, is_numeric

# No script, no frame, no font, no request to anywhere; styles stand in the page, pictures in data: URLs.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


class Html(str):
    """Markup made by this package."""

    __slots__ = ()


class Span(NamedTuple):
    """Code points `start` to `end` of a text to be highlighted; `kind` is `removed` or empty, `note` its tooltip."""

    start: int
    end: int
    note: str = ""
    kind: str = ""


def escape(text: str) -> Html:
    """Text for an attribute or for content: entities escaped, hidden characters as marks such as `⟨U+202E⟩`."""
    return Html(html.escape(characters.visible(text, keep="\n\t"), quote=True))


def visible(text: str) -> Html:
    """Text for content: as `escape`, and the marks set off in colour from what the text itself says."""
    return Html(
        "".join(
            f'<span class="hidden">{characters.name(part)}</span>' if hidden else html.escape(part, quote=True)
            for part, hidden in characters.split(text, keep="\n\t")
        )
    )


def mark(text: str, spans: Iterable[Span]) -> Html:
    """`text` with the spans highlighted; where spans overlap, each stretch carries the notes of all that cover it."""
    inside = [span for span in spans if 0 <= span.start < span.end <= len(text)]
    cuts = sorted({0, len(text), *(span.start for span in inside), *(span.end for span in inside)})
    parts = []
    for start, end in itertools.pairwise(cuts):
        stretch = visible(text[start:end])
        covering = [span for span in inside if span.start <= start and end <= span.end]
        if covering:
            kind = " ".join(dict.fromkeys(span.kind for span in covering if span.kind))
            note = "; ".join(dict.fromkeys(span.note for span in covering if span.note))
            stretch = Html(f'<mark class="{escape(kind)}" title="{escape(note)}">{stretch}</mark>')
        parts.append(stretch)
    return Html("".join(parts))


def block(content: str) -> Html:
    """A document's text in a box of its own, line breaks kept."""
    return Html(f'<div class="text" dir="auto">{_content(content)}</div>')


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> Html:
    """A table; values as on the console (numbers right-aligned), `Html` values as they are."""
    classes = [' class="number"' if is_numeric(rows, index) else "" for index in range(len(columns))]

    def line(tag: str, cells: Iterable[Any]) -> str:
        parts = zip(classes, cells, strict=True)
        return "<tr>" + "".join(f"<{tag}{kind}>{_cell(value)}</{tag}>" for kind, value in parts) + "</tr>"

    title = f"<caption>{_content(caption)}</caption>" if caption else ""
    body = "".join(line("td", row) for row in rows)
    head = f"<thead>{line('th', columns)}</thead>"
    return Html(f'<div class="scroll"><table>{title}{head}<tbody>{body}</tbody></table></div>')


def section(title: str, *content: str) -> Html:
    """A heading and what stands under it; plain strings become paragraphs."""
    parts = (part if isinstance(part, Html) else f"<p>{visible(part)}</p>" for part in content)
    return Html(f"<section><h2>{visible(title)}</h2>{''.join(parts)}</section>")


def figure(picture: Html, caption: str = "") -> Html:
    """A picture with a caption."""
    below = f"<figcaption>{_content(caption)}</figcaption>" if caption else ""
    return Html(f"<figure>{picture}{below}</figure>")


@cache
def style() -> Html:
    """The style sheet of every page and fragment."""
    return Html(f"<style>{resources.files('workbench').joinpath('page.css').read_text('utf-8')}</style>")


def page(title: str, *content: str) -> str:
    """A whole page that needs nothing but itself; plain strings become paragraphs."""
    parts = (part if isinstance(part, Html) else f"<p>{visible(part)}</p>" for part in content)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY, quote=True)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n{style()}\n</head>\n"
        f"<body>\n<h1>{visible(title)}</h1>\n{''.join(parts)}\n</body>\n</html>\n"
    )


def _content(text: str) -> Html:
    return text if isinstance(text, Html) else visible(text)


def _cell(value: Any) -> Html:
    if isinstance(value, Html):
        return value
    return visible(value if isinstance(value, str) else cell(value))
