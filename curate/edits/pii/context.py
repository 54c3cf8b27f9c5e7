"""What stands around a number: the words that say what it is."""

from __future__ import annotations

import re

from curate.edits.phrases import phrases, table

BEFORE = 32  # code points of the text before a number that can name it
AFTER = 16

_context = table("contexts")


def _words(block: str) -> str:
    return "|".join(sorted(map(re.escape, phrases(block)), key=len, reverse=True))


_STRONG = frozenset(phrases(_context["phone"]["strong"]))
_WEAK = frozenset(phrases(_context["phone"]["weak"]))
_UNSPACED = tuple(phrases(_context["phone"]["unspaced"]))
_AFTER = frozenset(phrases(_context["phone"]["after"]))
# A word, or one letter before a sign ("T: 030 1234"), but not a word of one of our tokens: <PHONE> must not vouch for
# the number behind it.
_WORD = re.compile(r"(?<![\w<'’])[^\W\d_](?:[^\W\d_]+(?:/[^\W\d_]+)?(?![\w>])|[.:])")
_NEXT_WORD = re.compile(r"[\s,;–(\[-]{0,3}([^\W\d_]+)")
_APART = re.compile(r"[=<>{}*+\d]|\n(?!\s*$)|\n\W*\n")  # what stands between a number and a word that is not about it
_OTHER_NUMBER = re.compile(
    rf"(?:(?<!\w)(?:{_words(_context['other']['words'])})(?!\w)|(?:{_words(_context['other']['unspaced'])}))"
    r"[\s:#=.(\[-]{0,4}(?:\w{0,12}[\s:#=.-]{0,3})?$",
    re.IGNORECASE,
)
_CARD = re.compile(rf"(?<!\w)(?:{_words(_context['card']['words'])})(?!\w)", re.IGNORECASE)
_ADDRESS = re.compile(
    rf"(?<![\w<])(?:{_words(_context['ip']['words'])})(?!\w)|(?:{_words(_context['ip']['unspaced'])})|(?:://|@)$",
    re.IGNORECASE,
)
_VERSION = re.compile(rf"(?<!\w)(?:{_words(_context['version']['words'])})[\s:=(v.]{{0,4}}$", re.IGNORECASE)


def _before(text: str, start: int) -> str:
    return text[max(0, start - BEFORE) : start]


def phone_label(text: str, start: int, end: int) -> int:
    """How clearly the words around call it a telephone number: 2 as "Tel." and "Fax" do, 1 as "call" does, else 0."""
    window = _before(text, start)
    apart = 0
    for found in _APART.finditer(window):
        apart = found.end()
    label = 0
    for word in _WORD.findall(window, apart):
        lower = word.rstrip(".:").lower()
        label = max(label, 2 if lower in _STRONG else 1 if lower in _WEAK else 0)
    if label < 2:
        following = _NEXT_WORD.match(text, end, end + AFTER)
        if following and following[1].lower() in _AFTER:
            return 2
        if not window.isascii() and any(sign in window[apart:] for sign in _UNSPACED):
            return 2
    return label


def names_other_number(text: str, start: int) -> bool:
    """Whether the words just before say that the number is something else: ISBN, invoice, version ..."""
    return _OTHER_NUMBER.search(_before(text, start)) is not None


def names_card(text: str, start: int) -> bool:
    """Whether a word for a payment card stands before the number."""
    return _CARD.search(text, max(0, start - 2 * BEFORE), start) is not None


def names_address(text: str, start: int) -> bool:
    """Whether a word for a network address or a host stands before the dotted quad, in its line."""
    return _ADDRESS.search(_before(text, start).rpartition("\n")[2]) is not None


def names_version(text: str, start: int) -> bool:
    """Whether a word such as "version" or "release" leads to the dotted quad."""
    return _VERSION.search(_before(text, start)) is not None
