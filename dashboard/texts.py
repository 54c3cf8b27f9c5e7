"""The one place where text from runs reaches the page as HTML; it takes only what `workbench.html` made safe."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from importlib import resources
from typing import Any

import streamlit as st

from workbench.html import Html, Span, escape, mark, table, visible
from workbench.visible import one_line

PART = 20_000
"""Characters of a prompt or an answer that are sent at once."""


def show(markup: Html) -> None:
    """Put markup of our own into the page. Raises TypeError for a plain string: it may come from anywhere."""
    if not isinstance(markup, Html):
        raise TypeError("only markup made by workbench.html may be shown")
    st.html(Html(f'<div class="wn">{markup}</div>'))


def style() -> None:
    """The style sheet of our marks; once a page."""
    st.html(Html(f"<style>{_sheet()}</style>"))


@cache
def _sheet() -> str:
    return resources.files("dashboard").joinpath("marks.css").read_text("utf-8")


def line(text: str, *, strong: bool = False, soft: bool = False) -> None:
    """A line of text as it is: no Markdown, nothing hidden."""
    kind = "strong" if strong else "soft" if soft else ""
    show(Html(f'<p class="line {kind}">{visible(text)}</p>'))


def document(text: str, spans: Iterable[Span] = (), *, label: str) -> None:
    """A document in a box that scrolls, spans marked; `label` names the box for those who do not see it."""
    box(mark(text, spans), label=label)


def box(markup: Html, *, label: str) -> None:
    """As `document`, for a text that is marked already."""
    named = f'tabindex="0" role="region" aria-label="{escape(label)}"'
    show(Html(f'<div class="text" dir="auto" {named}>{markup}</div>'))


def in_parts(text: str, *, label: str, key: str) -> None:
    """As `document`, for a text of any length: `PART` characters of it, with the control that turns to the others.

    key: another one for another text (`key_of`), which then begins with its first part.
    """
    number = max(1, -(-len(text) // PART))
    part = min(max(1, int(st.session_state.get(key) or 1)), number)
    begin = PART * (part - 1)
    document(text[begin : begin + PART], label=label)
    if number > 1:
        st.pagination(number, key=key)
        line(f"Characters {begin + 1:,} to {min(begin + PART, len(text)):,} of {len(text):,}.", soft=True)


def key_of(place: str, *names: str) -> str:
    """A widget's key that is another one for each place in a page and names of what it shows; any string is a name."""
    return f"{place}-{blake2b(repr(names).encode(), digest_size=8).hexdigest()}"


def facts(rows: Iterable[tuple[str, Any]]) -> None:
    """Names and values, one below the other; values may come from anywhere."""
    show(table(["what", "value"], [list(row) for row in rows]))


_MARKDOWN = str.maketrans({each: "\\" + each for each in "\\`*_{}[]()<>#+-.!|~:$^=&"})


def label(text: str) -> str:
    """A name from the disk for the label of a widget, where Streamlit reads Markdown: nothing in it is markup."""
    return one_line(text).translate(_MARKDOWN)
