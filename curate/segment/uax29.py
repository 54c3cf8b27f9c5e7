"""Words of any script by the default word boundaries of Unicode (UAX #29), kept where they hold a letter or a number.

A letter is what is Alphabetic, so these are the `unicode_words` of Rust, the words of OLMo 3's rules. Where a script
writes no spaces the standard's default applies and there is no dictionary: each ideograph and each Hiragana letter
(with its marks) is a word, Katakana and Hangul runs are words, and Thai, Lao, Khmer and Burmese give their grapheme
clusters. A dictionary for each of those would cost tens of megabytes and a hundred times the time, and its
version would decide verdicts; rules that count words should take another threshold for these scripts instead. One
Chinese or Japanese word is about 1.6 such units, one Thai word about 3.
"""

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.hashing import span_id
from curate.segment.kernels import helper, longer
from curate.segment.tables import ALNUM, ALPHABETIC, PICTOGRAPH, WORD_BREAKS, classes
from curate.segment.types import Codes, Ids, Offsets, Text, Words

(
    OTHER, CR, LF, NEWLINE, EXTEND, ZWJ, FORMAT, KATAKANA, HEBREW, LETTER, SINGLE_QUOTE, DOUBLE_QUOTE, MID_NUM_LET,
    MID_LETTER, MID_NUM, NUMERIC, EXTEND_NUM_LET, REGIONAL, SPACE,
) = range(len(WORD_BREAKS))  # fmt: skip
PAIRED = len(WORD_BREAKS)  # the second of two regional indicators: a class of our own, after which nothing joins
CLASS = 31  # the bits of the word break class in an entry of `word_classes`
WORDLIKE = 32  # Alphabetic or a number
PICTURE = 64  # Extended_Pictographic
SKIPPED = 128  # joins whatever it follows (WB4)
AFTER_LETTERS = 256  # ends a word of letters, whatever comes next
ALONE = 512  # no word, and alone unless a SKIPPED character follows

# Entries of `joins`: 0 for a break, ALWAYS, or the bits of the classes one of which must follow next; with OR_CLOSE the
# character joins even if none does, and the word ends there.
ALWAYS = 1 << 31
OR_CLOSE = 1 << 30


def words_uax29(text: Text) -> Words:
    """Words of every document by UAX #29."""
    return Words(*_words(text.codes, text.first, word_classes(), joins()))


@cache
def joins() -> NDArray[np.uint32]:
    """Rules WB5 to WB16 as a table [class so far, class of the next character]; all other pairs are breaks."""
    out = np.zeros((PAIRED + 1, PAIRED + 1), dtype=np.uint32)
    letters = [LETTER, HEBREW]
    for letter in letters:
        out[letter, [*letters, NUMERIC, EXTEND_NUM_LET]] = ALWAYS  # WB5, WB9, WB13a
        out[letter, [MID_LETTER, MID_NUM_LET, SINGLE_QUOTE]] = 1 << LETTER | 1 << HEBREW  # WB6, WB7
    out[HEBREW, SINGLE_QUOTE] |= OR_CLOSE  # WB7a
    out[HEBREW, DOUBLE_QUOTE] = 1 << HEBREW  # WB7b, WB7c
    out[NUMERIC, [*letters, NUMERIC, EXTEND_NUM_LET]] = ALWAYS  # WB8, WB10, WB13a
    out[NUMERIC, [MID_NUM, MID_NUM_LET, SINGLE_QUOTE]] = 1 << NUMERIC  # WB11, WB12
    out[KATAKANA, [KATAKANA, EXTEND_NUM_LET]] = ALWAYS  # WB13, WB13a
    out[EXTEND_NUM_LET, [*letters, NUMERIC, KATAKANA, EXTEND_NUM_LET]] = ALWAYS  # WB13a, WB13b
    out[REGIONAL, REGIONAL] = ALWAYS  # WB15, WB16
    return out


@cache
def word_classes() -> NDArray[np.uint16]:
    """Word break class and the bits WORDLIKE to ALONE of every code point."""
    tables = classes()
    kinds = tables.word_break
    out = kinds.astype(np.uint16)
    out[tables.flags & (ALPHABETIC | ALNUM) != 0] |= WORDLIKE
    out[tables.flags & PICTOGRAPH != 0] |= PICTURE
    out[np.isin(kinds, (EXTEND, FORMAT, ZWJ))] |= SKIPPED
    out[np.isin(kinds, (OTHER, CR, LF, NEWLINE, SPACE, KATAKANA, MID_NUM, DOUBLE_QUOTE, REGIONAL))] |= AFTER_LETTERS
    marks = (OTHER, CR, LF, NEWLINE, SPACE, MID_NUM, MID_LETTER, MID_NUM_LET, SINGLE_QUOTE, DOUBLE_QUOTE)
    out[np.isin(kinds, marks) & (out & WORDLIKE == 0)] |= ALONE
    return out


@njit(cache=True)
def _words(
    codes: Codes, first: Offsets, table: NDArray[np.uint16], rules: NDArray[np.uint32]
) -> tuple[Offsets, Offsets, Offsets, Ids]:
    docs = len(first) - 1
    of = np.zeros(docs + 1, dtype=np.int64)
    room = len(codes) // 4 + 64
    begin = np.empty(room, dtype=np.int64)
    end = np.empty(room, dtype=np.int64)
    ids = np.empty(room, dtype=np.uint64)
    n = np.int64(0)
    for d in range(docs):
        at, n = _document(codes, first[d], first[d + 1], table, rules, begin, end, ids, n)
        while at < first[d + 1]:
            begin, end, ids = longer(begin), longer(end), longer(ids)
            at, n = _document(codes, at, first[d + 1], table, rules, begin, end, ids, n)
        of[d + 1] = n
    return begin[:n], end[:n], of, ids[:n]


@helper
def _document(codes, at, stop, table, rules, begin, end, ids, n):  # type: ignore[no-untyped-def]
    """Words from `at` on, after n that stand already; stops where there is no room. Returns where, and how many."""
    while at < stop and n < len(begin):
        here = table[codes[at]]
        if here & ALONE and not (at + 1 < stop and table[codes[at + 1]] & SKIPPED):
            at += 1
            continue
        start = at
        seen = int(here)
        if here == LETTER | WORDLIKE:
            at += 1
            while at < stop and table[codes[at]] == LETTER | WORDLIKE:
                at += 1
            if at < stop and not table[codes[at]] & AFTER_LETTERS:
                at, seen = _segment(codes, at - 1, stop, table, rules)
        else:
            at, seen = _segment(codes, at, stop, table, rules)
        if not seen & WORDLIKE:
            continue
        begin[n] = start
        end[n] = at
        ids[n] = span_id(codes, start, at)
        n += 1
    return at, n


@helper
def _segment(codes, at, stop, table, rules):  # type: ignore[no-untyped-def]
    """End of the segment that starts at `at` (WB3 to WB999), and the bits of all its characters."""
    seen = int(table[codes[at]])
    kind = seen & CLASS
    at += 1
    if kind in (CR, LF, NEWLINE):
        if kind == CR and at < stop and table[codes[at]] & CLASS == LF:
            at += 1
        return at, seen
    while at < stop:
        here = int(table[codes[at]])
        following = here & CLASS
        if here & SKIPPED:  # WB4
            seen |= here
            at += 1
            continue
        before = table[codes[at - 1]] & CLASS
        rule = int(rules[kind, following])
        if (before == ZWJ and here & PICTURE) or (
            kind == SPACE and before == SPACE and following == SPACE
        ):  # WB3c, WB3d
            kind = following
        elif rule == 0:
            break
        elif rule == ALWAYS:
            kind = following if kind != REGIONAL else PAIRED
        elif not rule >> _next_kind(codes, at + 1, stop, table) & 1:
            if not rule & OR_CLOSE:
                break
            kind = following
        seen |= here
        at += 1
    return at, seen


@helper
def _next_kind(codes, at, stop, table):  # type: ignore[no-untyped-def]
    """Class of the next character that WB4 does not skip; OTHER at the end."""
    while at < stop:
        here = int(table[codes[at]])
        if not here & SKIPPED:
            return here & CLASS
        at += 1
    return OTHER
