"""The scan of a whole batch that tells where digits could be a number of interest.

It knows nothing about telephones or banks: it gives runs of digits with their separators, colon-separated hexadecimal
groups, and places that look like the head of an IBAN. Pages without any cost the scan and nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment import Text, classes
from curate.segment.tables import ALNUM, DECIMAL

LEAST_DIGITS = 6
SEPARATORS = " .-/()\u00a0\u2009\u202f\u2010\u2011\u2012\u2013\u2014\u2212"
_PLUS, _OPEN, _DOT, _LOW_LINE = ord("+"), ord("("), ord("."), ord("_")
_EXTENSIONS = (ord("x"), ord("e"))
MOST_SEPARATORS = 3  # between two digits of one number, as in ") -" of "(030) - 123456"


class Candidates(NamedTuple):
    """Places in the batch, in code points of their document, sorted by document and place."""

    run_doc: NDArray[np.int64]  # runs of digits and separators
    run_begin: NDArray[np.int64]
    run_end: NDArray[np.int64]
    run_digits: NDArray[np.int64]
    run_groups: NDArray[np.int64]  # groups of digits
    run_dots: NDArray[np.int64]
    colon_doc: NDArray[np.int64]  # colon-separated hexadecimal groups
    colon_begin: NDArray[np.int64]
    colon_end: NDArray[np.int64]
    iban_doc: NDArray[np.int64]  # two letters and two digits at the start of a word
    iban_begin: NDArray[np.int64]


def candidates(text: Text) -> Candidates:
    """Scan a batch."""
    flags = classes().flags
    runs = _runs(text.codes, text.first, flags, _table(SEPARATORS))
    colons = _colons(text.codes, text.first, flags, _table("0123456789abcdefABCDEF:."))
    ibans = _ibans(text.codes, text.first, flags)
    return Candidates(*runs, *colons, *ibans)


def _table(chars: str) -> NDArray[np.bool_]:
    known = np.zeros(0x2213, dtype=np.bool_)
    known[[ord(char) for char in chars]] = True
    return known


@njit(cache=True, inline="always")
def _in(table, code):  # type: ignore[no-untyped-def]
    return code < len(table) and table[code]


@njit(cache=True, inline="always")
def _decimal(code, flags):  # type: ignore[no-untyped-def]
    return 48 <= code <= 57 if code < 128 else (flags[code] & DECIMAL) != 0


@njit(cache=True, inline="always")
def _ascii_letter(code):  # type: ignore[no-untyped-def]
    return (65 <= code <= 90) or (97 <= code <= 122)


@njit(cache=True)
def _runs(codes, first, flags, separators):  # type: ignore[no-untyped-def]
    room = len(codes) // LEAST_DIGITS + 1
    doc = np.empty(room, dtype=np.int64)
    begin = np.empty(room, dtype=np.int64)
    end = np.empty(room, dtype=np.int64)
    digits = np.empty(room, dtype=np.int64)
    groups = np.empty(room, dtype=np.int64)
    dots = np.empty(room, dtype=np.int64)
    n = 0
    for d in range(len(first) - 1):
        at = first[d]
        stop = first[d + 1]
        while at < stop:
            if not _decimal(codes[at], flags):
                at += 1
                continue
            start = at
            last = at
            count = 1
            parts = 1
            points = 0
            dotted = _dotted(codes, at, stop, flags)
            at += 1
            while at < stop and at - last <= MOST_SEPARATORS + 1:
                if _decimal(codes[at], flags):
                    if at > last + 1:
                        parts += 1
                        points += codes[at - 1] == _DOT
                    last = at
                    count += 1
                elif not _in(separators, codes[at]):
                    break
                at += 1
            at = last + 1
            if (count < LEAST_DIGITS and not dotted) or _in_word(codes, start, at, first[d], stop):
                continue
            # "+" and "(" belong to the number that they open: "(+49) 30", "+1 (212)".
            while start > first[d] and (codes[start - 1] == _PLUS or codes[start - 1] == _OPEN):
                start -= 1
            doc[n] = d
            begin[n] = start - first[d]
            end[n] = at - first[d]
            digits[n] = count
            groups[n] = parts
            dots[n] = points
            n += 1
    return doc[:n].copy(), begin[:n].copy(), end[:n].copy(), digits[:n].copy(), groups[:n].copy(), dots[:n].copy()


@njit(cache=True)
def _in_word(codes, start, end, first, stop):  # type: ignore[no-untyped-def]
    """Whether an ASCII letter or underscore touches the run: a hash or an identifier. (An extension may: "5550x12".)"""
    before = codes[start - 1] if start > first else _DOT
    after = codes[end] if end < stop else _DOT
    return (
        _ascii_letter(before)
        or before == _LOW_LINE
        or after == _LOW_LINE
        or (_ascii_letter(after) and after | 32 not in _EXTENSIONS)
    )


@njit(cache=True)
def _dotted(codes, at, stop, flags):  # type: ignore[no-untyped-def]
    """Whether four groups of one to three digits with dots between them start here: short ones such as 8.8.8.8."""
    groups = 0
    while groups < 4:
        width = 0
        while at < stop and _decimal(codes[at], flags):
            width += 1
            at += 1
        if width == 0 or width > 3:
            return False
        groups += 1
        if groups < 4:
            if at >= stop or codes[at] != 46:
                return False
            at += 1
    return True


@njit(cache=True)
def _colons(codes, first, flags, hexadecimal):  # type: ignore[no-untyped-def]
    """Runs of hexadecimal digits and colons with "::" or at least seven colons, from the start of a word on."""
    room = len(codes) // 3 + 1
    doc = np.empty(room, dtype=np.int64)
    begin = np.empty(room, dtype=np.int64)
    end = np.empty(room, dtype=np.int64)
    n = 0
    for d in range(len(first) - 1):
        done = first[d]
        for colon in range(first[d], first[d + 1]):
            if codes[colon] != 58 or colon < done:
                continue
            a = colon
            while a > done and _in(hexadecimal, codes[a - 1]):
                a -= 1
            b = colon
            colons = 0
            double = False
            while b < first[d + 1] and _in(hexadecimal, codes[b]):
                if codes[b] == 58:
                    colons += 1
                    double |= codes[b - 1] == 58 and b > a
                b += 1
            done = b
            if (double or colons >= 7) and b - a >= 6 and (a == first[d] or not flags[codes[a - 1]] & ALNUM):
                doc[n] = d
                begin[n] = a - first[d]
                end[n] = b - first[d]
                n += 1
    return doc[:n].copy(), begin[:n].copy(), end[:n].copy()


@njit(cache=True)
def _ibans(codes, first, flags):  # type: ignore[no-untyped-def]
    room = len(codes) // 8 + 1
    doc = np.empty(room, dtype=np.int64)
    begin = np.empty(room, dtype=np.int64)
    n = 0
    for d in range(len(first) - 1):
        # Fifteen characters is the shortest IBAN there is (Norway's).
        for at in range(first[d], first[d + 1] - 14):
            if not (48 <= codes[at + 2] <= 57 and 48 <= codes[at + 3] <= 57):
                continue
            if not (_ascii_letter(codes[at]) and _ascii_letter(codes[at + 1])):
                continue
            if at > first[d] and flags[codes[at - 1]] & ALNUM:
                continue
            following = codes[at + 4]
            if not (flags[following] & ALNUM):
                if following != 32 and following != 0xA0 and following != 45:
                    continue
                following = codes[at + 5]
                if not flags[following] & ALNUM:
                    continue
            doc[n] = d
            begin[n] = at - first[d]
            n += 1
    return doc[:n].copy(), begin[:n].copy()
