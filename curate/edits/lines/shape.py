"""The shape of every line of a batch: counts, and whether it belongs to code or mathematics that no rule may cut."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment import Spans, Text, classes, decode, stripped
from curate.segment.tables import ALPHA, CATEGORIES, DIGIT, SPACE, UPPER

Counts = NDArray[np.int32]
SHORT = 12  # words of a line that may be nothing but labels


class Shape(NamedTuple):
    """One entry per line. Counts are of the line as it stands, white space at its ends included."""

    begin: NDArray[np.int64]  # of the stripped line, in code points of the batch
    end: NDArray[np.int64]
    words: Counts  # separated by white space
    longest: Counts  # code points of the longest word
    letters: Counts
    upper: Counts
    digits: Counts
    protected: NDArray[np.bool_]  # code block or display mathematics
    # Of lines of at most SHORT words, else 0:
    separators: Counts  # marks between the links of one line (| • · » ›, and / or > between blanks), not at its ends
    core: NDArray[np.uint64]  # hash of the lower-cased line without punctuation and white space at its ends
    opening: NDArray[np.uint64]  # the same of its first word


def shape(text: Text, lines: Spans) -> Shape:
    """Measure the lines (as `lines` or `splitlines` gave them)."""
    table = classes()
    inner = stripped(text, lines)
    words, longest, letters, upper, digits = _counts(text.codes, lines.begin, lines.end, table.flags)
    code = _protected(text.codes, lines.begin, lines.first, inner.begin, inner.end)
    separators, core, opening = _labels(
        text.codes, inner.begin, inner.end, words, table.flags, table.category, table.lower
    )
    return Shape(inner.begin, inner.end, words, longest, letters, upper, digits, code, separators, core, opening)


def protected(text: Text, lines: Spans) -> NDArray[np.bool_]:
    """Whether each line belongs to a code block or to display mathematics, bool[lines]."""
    inner = stripped(text, lines)
    return np.asarray(_protected(text.codes, lines.begin, lines.first, inner.begin, inner.end))


def core_ids(phrases: list[str]) -> NDArray[np.uint64]:
    """The `core` hashes of lines that are these phrases, sorted."""
    text = decode(phrases)
    return np.unique(shape(text, Spans(text.first[:-1], text.first[1:], np.arange(len(phrases) + 1))).core)


@njit(cache=True)
def _counts(codes, begin, end, flags):  # type: ignore[no-untyped-def]
    n = len(begin)
    words = np.empty(n, dtype=np.int32)
    longest = np.empty(n, dtype=np.int32)
    letters = np.empty(n, dtype=np.int32)
    upper = np.empty(n, dtype=np.int32)
    digits = np.empty(n, dtype=np.int32)
    for i in range(n):
        width = 0
        widest = 0
        starts = 0
        alpha = 0
        capital = 0
        digit = 0
        for at in range(begin[i], end[i]):
            flag = flags[codes[at]]
            if flag & SPACE:
                width = 0
                continue
            starts += width == 0
            width += 1
            widest = max(widest, width)
            alpha += (flag & ALPHA) != 0
            capital += (flag & UPPER) != 0
            digit += (flag & DIGIT) != 0
        words[i] = starts
        longest[i] = widest
        letters[i] = alpha
        upper[i] = capital
        digits[i] = digit
    return words, longest, letters, upper, digits


# Punctuation, symbols and separators: categories Pc to So and Zs to Zp.
_OUTER = np.array([name[0] in "PSZ" for name in CATEGORIES])
_LINK_MARKS = np.array([ord(char) for char in "•·»›→«‹←∙⋅"], dtype=np.uint32)
_SLASH, _GREATER, _BAR = ord("/"), ord(">"), ord("|")
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


@njit(cache=True)
def _labels(codes, begin, end, words, flags, category, lower):  # type: ignore[no-untyped-def]
    """Separators, core and opening of the short lines; FNV-1a is enough to find the lines of a short list of labels."""
    n = len(begin)
    separators = np.zeros(n, dtype=np.int32)
    core = np.zeros(n, dtype=np.uint64)
    opening = np.zeros(n, dtype=np.uint64)
    for i in range(n):
        if words[i] == 0 or words[i] > SHORT:
            continue
        a = begin[i]
        b = end[i]
        while a < b and (_OUTER[category[codes[a]]] or flags[codes[a]] & SPACE):
            a += 1
        while a < b and (_OUTER[category[codes[b - 1]]] or flags[codes[b - 1]] & SPACE):
            b -= 1
        value = _FNV_START
        links = 0
        in_first = True
        for at in range(a, b):
            code = codes[at]
            if in_first and flags[code] & SPACE:
                opening[i] = value
                in_first = False
            value = (value ^ np.uint64(lower[code])) * _FNV_PRIME
            if code == _BAR:
                links += 1
            elif code == _SLASH or code == _GREATER:  # noqa: SIM109 (a tuple test is slow in a kernel)
                links += (flags[codes[at - 1]] & flags[codes[at + 1]] & SPACE) != 0
            elif code > 127:
                for mark in _LINK_MARKS:
                    links += code == mark
        core[i] = value
        if in_first:
            opening[i] = value
        separators[i] = links
    return separators, core, opening


_TICK, _TILDE, _DOLLAR, _BACKSLASH = ord("`"), ord("~"), ord("$"), ord("\\")
_SQUARE_OPEN, _SQUARE_CLOSE = ord("["), ord("]")
_BULLETS = np.array([ord(char) for char in "•◦▪‣·-*+"], dtype=np.uint32)


@njit(cache=True)
def _protected(codes, line_begin, line_first, begin, end):  # type: ignore[no-untyped-def]
    """Fenced blocks, lines indented by four columns that are no list items, and $$ or \\[ blocks; fences included.

    A block that is never closed runs to the end of the document, as Markdown has it.
    """
    protected = np.zeros(len(begin), dtype=np.bool_)
    for d in range(len(line_first) - 1):
        closer = 0  # what ends the open block: ` ~ $ ] or nothing
        fence = 0
        for i in range(line_first[d], line_first[d + 1]):
            a = begin[i]
            b = end[i]
            protected[i] = closer != 0
            if a == b:
                continue
            mark = codes[a]
            run = 1
            while a + run < b and codes[a + run] == mark:
                run += 1
            if closer == _TICK or closer == _TILDE:  # noqa: SIM109
                if mark == closer and run >= fence and a + run == b:
                    closer = 0
            elif closer == _DOLLAR:
                if b - a >= 2 and codes[b - 1] == _DOLLAR and codes[b - 2] == _DOLLAR:
                    closer = 0
            elif closer == _SQUARE_CLOSE:
                if b - a >= 2 and codes[b - 2] == _BACKSLASH and codes[b - 1] == _SQUARE_CLOSE:
                    closer = 0
            elif (mark == _TICK or mark == _TILDE) and run >= 3:  # noqa: SIM109
                closer = mark
                fence = run
                protected[i] = True
            elif mark == _DOLLAR and run == 2:
                protected[i] = True
                if not (b - a >= 4 and codes[b - 1] == _DOLLAR and codes[b - 2] == _DOLLAR):
                    closer = _DOLLAR
            elif mark == _BACKSLASH and b - a >= 2 and codes[a + 1] == _SQUARE_OPEN:
                protected[i] = True
                if not (b - a >= 4 and codes[b - 2] == _BACKSLASH and codes[b - 1] == _SQUARE_CLOSE):
                    closer = _SQUARE_CLOSE
            else:
                protected[i] = _indented(codes, line_begin[i], a) and not _is_bullet(mark)
    return protected


@njit(cache=True)
def _indented(codes, begin, text):  # type: ignore[no-untyped-def]
    column = 0
    for at in range(begin, text):
        column = column + 4 if codes[at] == 9 else column + 1
    return column >= 4


@njit(cache=True)
def _is_bullet(code):  # type: ignore[no-untyped-def]
    return np.any(code == _BULLETS)
