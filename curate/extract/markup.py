"""What engines of others need done to the source of a page before they parse it; linear in the page's length."""

from __future__ import annotations

import re

from curate.extract.mathml import formulas_to_tex

_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_SELF_CLOSED = re.compile(r"<([A-Za-z][\w:.-]*)(\s[^<>]*?)?/>")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
_PRE_OPEN = re.compile(r"<pre(?:\s[^>]*)?>")
_HIDDEN = ("button", "style", "script", "svg")
_LINE_END = re.compile(r"<br\s*/?>|</(?:div|li|tr|p)>(?!\s*\n)", re.IGNORECASE)
_TAG = re.compile(r"</?(?!a[\s>])[A-Za-z][^<>]*>")
_TITLE = re.compile(r"<title\b", re.IGNORECASE)


def prepare(html: str) -> str:
    """The page without NULs, with XHTML as HTML, formulas as TeX and preformatted blocks as plain text."""
    if "\0" in html:
        html = html.replace("\0", "")
    if declaration := _DECLARATION.match(html):
        html = _SELF_CLOSED.sub(_open_and_close, html[declaration.end() :])
    html = formulas_to_tex(html)
    if "<PRE" in html:
        html = html.replace("<PRE", "<pre").replace("</PRE", "</pre")
    return _plain_pre(html)


def find_title(html: str) -> str | None:
    """The text of the first <title>, on one line; None where there is none."""
    from html import unescape

    found = _TITLE.search(html)
    if found is None:
        return None
    begin = html.find(">", found.end()) + 1
    end = html.find("<", begin)
    if begin == 0 or end < 0:
        return None
    return " ".join(unescape(html[begin : min(end, begin + 2000)]).split())[:500] or None


def _open_and_close(found: re.Match[str]) -> str:
    """HTML parsers take `<script/>` for an open tag and swallow the rest of the page."""
    tag, attributes = found[1], found[2] or ""
    return found[0] if tag.lower() in _VOID else f"<{tag}{attributes}></{tag}>"


def _plain_pre(html: str) -> str:
    """Preformatted blocks as `<pre><code>text</code></pre>`: engines then keep lines and indentation.

    Highlighting spans go, links stay; a block of line numbers alone goes whole.
    """
    parts: list[str] = []
    position = 0
    start = html.find("<pre")
    while start >= 0:
        found = _PRE_OPEN.match(html, start)
        close = html.find("</pre", start)
        end = html.find(">", close) + 1
        if close < 0 or not end:
            break
        if found:
            inner = html[found.end() : close]
            if "<" in inner:
                inner = _TAG.sub("", _LINE_END.sub("\n", _without(inner, _HIDDEN)))
            parts.append(html[position:start])
            if not inner.replace("\n", "").replace(" ", "").isdigit():
                parts += [found[0], "<code>", inner, "</code></pre>"]
            position = end
        start = html.find("<pre", end)
    parts.append(html[position:])
    return "".join(parts)


def _without(markup: str, tags: tuple[str, ...]) -> str:
    """The markup without elements of these tags; what is not closed stays."""
    for tag in tags:
        while (start := markup.find(f"<{tag}")) >= 0:
            close = markup.find(f"</{tag}", start)
            end = markup.find(">", close) + 1
            if close < 0 or not end:
                break
            markup = markup[:start] + markup[end:]
    return markup
