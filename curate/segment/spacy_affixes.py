"""Prefixes, suffixes and infixes of spaCy's tokenizer, found at a place of a chunk.

spaCy searches the whole rest of a chunk for a suffix; the kernels look at its last characters only, which finds the
same suffix because every rule is anchored at the end.
"""

import numpy as np

from curate.segment.hashing import find, span_id
from curate.segment.kernels import helper
from curate.segment.spacy_rules import (
    AFTER_DIGIT,
    AFTER_INNER_DOT,
    BEFORE_INNER_DOT,
    BEFORE_LAST_DOT,
    CAPITAL,
    DECIMAL,
    DIGIT,
    DOMAIN_END,
    INFIX,
    LETTER,
    LONGEST_UNIT,
    SUFFIX,
    UNIT_LAST,
    UNIT_SALT,
)

DOT, PLUS, HYPHEN, DOLLAR, ELLIPSIS = 46, 43, 45, 36, 0x2026
APOSTROPHE, RIGHT_QUOTE, LETTER_S, CAPITAL_S = 39, 0x2019, 115, 83
EN_DASH, EM_DASH, TILDE = 0x2013, 0x2014, 126


@helper
def long_prefix(codes, at, stop, bits):  # type: ignore[no-untyped-def]
    """Length of a prefix that is not one character of its own class: dots, a plus before no digit, US$; 0 for none."""
    code = codes[at]
    if code > 85:
        return 0
    if code == DOT:
        run = 1
        while at + run < stop and codes[at + run] == DOT:
            run += 1
        return run if run > 1 else 0
    if code == PLUS:
        return 0 if at + 1 < stop and bits[codes[at + 1]] & DIGIT else 1
    return _dollar(codes, at, stop)


@helper
def _dollar(codes, at, stop):  # type: ignore[no-untyped-def]
    """Length of "US$", "C$" or "A$" at the front, 0 for none."""
    if stop - at >= 3 and codes[at] == 85 and codes[at + 1] == 83 and codes[at + 2] == DOLLAR:
        return 3
    return 2 if stop - at >= 2 and (codes[at] == 65 or codes[at] == 67) and codes[at + 1] == DOLLAR else 0


@helper
def suffix_length(codes, at, stop, bits, facts):  # type: ignore[no-untyped-def]
    """Length of the suffix of `codes[at:stop]`, 0 for none: the longest that any rule gives."""
    if at >= stop:
        return 0
    last = codes[stop - 1]
    here = bits[last]
    if last == DOT:
        return _last_dot(codes, at, stop, bits)
    if here & SUFFIX:
        return 2 if last == ELLIPSIS and stop - at > 1 and codes[stop - 2] == ELLIPSIS else 1
    if stop - at < 2 or (not here & (UNIT_LAST | AFTER_DIGIT) and last != LETTER_S and last != CAPITAL_S):
        return 0
    before = codes[stop - 2]
    if here & UNIT_LAST or last == DOLLAR:
        # A unit or currency counts after a digit only and holds none: the one candidate is all after the last digit.
        digit = stop - 2
        while digit >= at and stop - 1 - digit <= LONGEST_UNIT and not bits[codes[digit]] & DIGIT:
            digit -= 1
        length = stop - 1 - digit
        if digit >= at and length <= LONGEST_UNIT:
            if here & UNIT_LAST and find(facts, span_id(codes, digit + 1, stop) ^ np.uint64(UNIT_SALT)):
                return length
            if last == DOLLAR and _dollar(codes, digit + 1, stop) == length:
                return length
    if last in (LETTER_S, CAPITAL_S) and before in (APOSTROPHE, RIGHT_QUOTE):
        return 2
    return 1 if here & AFTER_DIGIT and bits[before] & DIGIT else 0


@helper
def _last_dot(codes, at, stop, bits):  # type: ignore[no-untyped-def]
    """Length of a suffix of dots: a run of two or more, or one after certain characters."""
    run = 1
    while stop - run > at and codes[stop - run - 1] == DOT:
        run += 1
    if run > 1:
        return run
    if stop - at < 2:
        return 0
    before = bits[codes[stop - 2]]
    if before & BEFORE_LAST_DOT:
        return 1
    if stop - at < 3:
        return 0
    if before & CAPITAL and bits[codes[stop - 3]] & CAPITAL:
        return 1
    degrees = codes[stop - 3] == 0xB0
    unit = codes[stop - 2]
    return 1 if degrees and (unit == 67 or unit == 70 or unit == 75 or unit == 99 or unit == 102 or unit == 107) else 0


@helper
def infix_length(codes, at, i, stop, bits):  # type: ignore[no-untyped-def]
    """Length of the infix at i, 0 for none; neighbours outside `codes[at:stop]` do not count."""
    code = codes[i]
    if bits[code] & INFIX:
        return 1
    if code == DOT and i + 1 < stop and codes[i + 1] == DOT:
        run = 2
        while i + run < stop and codes[i + run] == DOT:
            run += 1
        return run
    if i == at or i + 1 >= stop:
        return 0
    before = bits[codes[i - 1]]
    after = bits[codes[i + 1]]
    if code == DOT:
        return 1 if before & BEFORE_INNER_DOT and after & AFTER_INNER_DOT else 0
    if code == 44:
        return 1 if before & LETTER and after & LETTER else 0
    arithmetic = code in (PLUS, HYPHEN, 42, 94)
    if arithmetic and before & DIGIT and (after & DIGIT or codes[i + 1] == HYPHEN):
        return 1
    if not before & (LETTER | DIGIT):
        return 0
    if code in (58, 60, 61, 62, 47):
        return 1 if after & LETTER else 0
    if code in (HYPHEN, EM_DASH, EN_DASH, TILDE):
        longest = 3 if code == HYPHEN else (2 if code == EM_DASH else 1)
        length = 1
        while length < longest and i + length < stop and codes[i + length] == code:
            length += 1
        return length if i + length < stop and bits[codes[i + length]] & LETTER else 0
    return 0


@helper
def has_host_dot(codes, at, stop, bits):  # type: ignore[no-untyped-def]
    """Whether a dot stands before what the last part of a host can begin with: without one there is no address."""
    at += 1
    while at + 1 < stop and not (codes[at] == DOT and bits[codes[at + 1]] & (DOMAIN_END | DECIMAL)):
        at += 1
    return at + 1 < stop
