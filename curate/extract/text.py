"""The one form in which extracted text leaves, whatever engine made it."""

from __future__ import annotations

import re

# C0 and C1 controls and DEL except tab and newline, soft hyphens, byte order marks; form feed, vertical tab and NEL end
# a line. Joiners and zero-width spaces stay: Persian, Khmer and emoji need them.
_INVISIBLE = dict.fromkeys([*range(9), *range(14, 32), *range(127, 160), 0xAD, 0xFEFF])
_INVISIBLE |= dict.fromkeys((11, 12, 0x85), 10)
_HAS_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\ufeff]")
_BLANK_LINES = re.compile(r"\n{3,}")


def normalise(text: str) -> str:
    """Line ends as newlines; no control characters, soft hyphens or trailing blanks, at most one blank line in a row.

    Blanks at the start of a line are kept: they are the structure of code and lists. The Unicode form is left alone.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _HAS_INVISIBLE.search(text):
        text = text.translate(_INVISIBLE)
    text = "\n".join([line.rstrip() for line in text.split("\n")])
    if "\n\n\n" in text:
        text = _BLANK_LINES.sub("\n\n", text)
    return text.strip("\n")


def utf8(text: str) -> bytes:
    """The text in UTF-8: surrogate pairs are joined, lone surrogates become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def scalars(text: str) -> str:
    """The text as UTF-8 can carry it, as `utf8`; evaluations store what models and data say so."""
    return text if text.isascii() else utf8(text).decode()
