"""What a block of text is like: lengths, links, punctuation, function words, counted over the bytes of its runs.

White space counts as one character, an entity (`&amp;`) too. Letters beyond ASCII count as small ones; ideographs, kana
and Thai, which are written without spaces, count as half a word each.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from curate.extract.winnow import names
from curate.extract.winnow.attributes import BASIS, PRIME, is_space, lookup
from curate.extract.winnow.scan import BOLD, BREAK, CODE, LINK

# Columns of the table of facts.
COLUMNS = [
    "chars",
    "words",
    "link_chars",
    "links",
    "commas",
    "ends",
    "digits",
    "capitals",
    "function",
    "wide",
    "bars",
    "breaks",
    "bold_chars",
    "code_chars",
    "pre",
    "last",
    "first",
    "marks",
    "long_words",
    "starts_link",
    "aside",
    "aside_first",
    "years",
    "clocks",
]
(
    CHARS, WORDS, LINK_CHARS, LINKS, COMMAS, ENDS, DIGITS, CAPITALS, FUNCTION, WIDE, BARS, BREAKS, BOLD_CHARS,
    CODE_CHARS, IS_PRE, LAST, FIRST, MARKS, LONG_WORDS, STARTS_LINK, ASIDE, ASIDE_FIRST, YEARS, CLOCKS,
) = range(len(COLUMNS))  # fmt: skip
# What a block ends with or starts with.
LETTER, SENTENCE, COLON, ELLIPSIS, DIGIT, SMALL, OTHER = range(7)

_FUNCTION_KEYS, _FUNCTION_VALUES = names.FUNCTION_KEYS, names.FUNCTION_VALUES
_ASIDE_KEYS, _ASIDE_VALUES = names.ASIDE_KEYS, names.ASIDE_VALUES
_PRE_FLAG = 2
_COLUMNS = len(COLUMNS)
_LONG = 7  # letters; a word of more is a long one
_FIRST_WORDS = 3
_FIRST_YEAR, _LAST_YEAR = 1980, 2039


@njit(cache=True)
def _with_word(seen, word, length):  # type: ignore[no-untyped-def]
    """Counts of words, function words, long ones, those of asides and such at the start, with one word more."""
    words, function, long_words, aside, aside_first = seen
    words += 1
    function += np.int64(lookup(_FUNCTION_KEYS, _FUNCTION_VALUES, word))
    if length > _LONG:
        long_words += 1
    if lookup(_ASIDE_KEYS, _ASIDE_VALUES, word):
        aside += 1
        if words <= _FIRST_WORDS:
            aside_first += 1
    return words, function, long_words, aside, aside_first


@njit(cache=True)
def facts(buf, run_begin, run_end, run_flags, first):  # type: ignore[no-untyped-def]
    """Facts of blocks (float32[blocks, COLUMNS]); a hash of the words of each."""
    blocks = len(first) - 1
    table = np.zeros((blocks, _COLUMNS), np.float32)
    whole = np.empty(blocks, np.uint32)
    for b in range(blocks):
        chars = link_chars = links = commas = ends = digits = capitals = wide = bars = breaks = bold = code = marks = 0
        seen = (0, 0, 0, 0, 0)
        years = clocks = number = 0
        text_hash = BASIS
        word = BASIS
        length = 0  # letters of the word being read
        start = -1
        last = OTHER
        spaced = True
        was_link = False
        starts_link = 0
        for r in range(first[b], first[b + 1]):
            flags = run_flags[r]
            if flags & BREAK:
                breaks += 1
                spaced = True
                if length:
                    seen = _with_word(seen, word, length)
                    text_hash = np.uint32((text_hash ^ word) * PRIME)
                    word = BASIS
                    length = 0
                continue
            before = chars
            linked = (flags & LINK) != 0
            if linked and not was_link:
                links += 1
                if chars == 0:
                    starts_link = 1
            was_link = linked
            i = run_begin[r]
            stop = run_end[r]
            while i < stop:
                c = buf[i]
                i += 1
                if is_space(c):
                    number = 0
                    if length:
                        seen = _with_word(seen, word, length)
                        text_hash = np.uint32((text_hash ^ word) * PRIME)
                        word = BASIS
                        length = 0
                    if not spaced:
                        chars += 1
                        spaced = True
                    continue
                if c == 38:  # an entity is one character, `&nbsp;` is a space
                    k = i
                    while k < stop and k < i + 10 and buf[k] != 59 and not is_space(buf[k]):
                        k += 1
                    if k < stop and buf[k] == 59 and k > i + 1:
                        nbsp = buf[i] == 110 and buf[i + 1] == 98
                        i = k + 1
                        if nbsp:
                            if not spaced:
                                chars += 1
                                spaced = True
                            continue
                        chars += 1
                        spaced = False
                        last = OTHER
                        continue
                spaced = False
                if c >= 128:
                    if c < 192:  # inside a character
                        word = np.uint32((word ^ np.uint32(c)) * PRIME)
                        continue
                    chars += 1
                    if start < 0:
                        start = LETTER
                    last = LETTER
                    if c == 0xE3 or (0xE4 <= c <= 0xE9) or (c == 0xE0 and i < stop and buf[i] >= 0xB8):
                        punctuation = False
                        if i + 1 < stop:
                            d = buf[i]
                            e = buf[i + 1]
                            if c == 0xE3 and d == 0x80:
                                punctuation = True
                                if e == 0x82:  # 。
                                    ends += 1
                                    last = SENTENCE
                                elif e == 0x81:  # 、
                                    commas += 1
                        if not punctuation:
                            wide += 1
                    elif c == 0xEF and i + 1 < stop and buf[i] == 0xBC:
                        e = buf[i + 1]
                        if e == 0x8C:
                            commas += 1
                        elif e == 0x81 or e == 0x9F:
                            ends += 1
                            last = SENTENCE
                        elif e == 0x9A:
                            last = COLON
                    elif c == 0xE2 and i + 1 < stop and buf[i] == 0x80:
                        if buf[i + 1] == 0xA6:
                            last = ELLIPSIS
                        elif buf[i + 1] == 0xA2:
                            bars += 1
                            last = OTHER
                        elif buf[i + 1] == 0x9D or buf[i + 1] == 0x99:
                            last = SENTENCE if ends else OTHER
                    elif c == 0xC2 and i < stop:
                        if buf[i] == 0xA9:
                            marks += 1
                            last = OTHER
                        elif buf[i] == 0xBB or buf[i] == 0xB7:
                            bars += 1
                            last = OTHER
                        elif buf[i] == 0xA0:
                            last = OTHER
                    word = np.uint32((word ^ np.uint32(c)) * PRIME)
                    length += 1
                    continue
                chars += 1
                low = c | 32
                if 97 <= low <= 122:
                    if c < 97:
                        capitals += 1
                    if start < 0:
                        start = LETTER if c < 97 else SMALL
                    word = np.uint32((word ^ np.uint32(low)) * PRIME)
                    length += 1
                    last = LETTER
                    continue
                if 48 <= c <= 57:
                    digits += 1
                    if start < 0:
                        start = DIGIT
                    number = (10 * number if last == DIGIT else 0) + c - 48
                    if _FIRST_YEAR <= number <= _LAST_YEAR and not (i < stop and 48 <= buf[i] <= 57):
                        years += 1
                    number = min(number, _LAST_YEAR + 1)
                    last = DIGIT
                else:
                    if c == 44 or c == 59:
                        commas += 1
                        last = OTHER
                    elif c == 46 or c == 33 or c == 63:
                        if c == 46 and last == SENTENCE:
                            last = ELLIPSIS
                        elif last != ELLIPSIS:
                            last = SENTENCE
                        if i >= stop or is_space(buf[i]) or buf[i] == 34 or buf[i] == 39:
                            ends += 1
                    elif c == 34 or c == 39 or c == 41:
                        if last != SENTENCE:
                            last = OTHER
                    elif c == 58:
                        if last == DIGIT and i < stop and 48 <= buf[i] <= 57:
                            clocks += 1
                        last = COLON
                    else:
                        if c == 124 or c == 62:
                            bars += 1
                        elif c == 64:
                            marks += 1
                        last = OTHER
                    if start < 0:
                        start = OTHER
                if length:
                    seen = _with_word(seen, word, length)
                    text_hash = np.uint32((text_hash ^ word) * PRIME)
                    word = BASIS
                    length = 0
                else:
                    text_hash = np.uint32((text_hash ^ np.uint32(c)) * PRIME)
            if linked:
                link_chars += chars - before
            if flags & BOLD:
                bold += chars - before
            if flags & CODE:
                code += chars - before
        if length:
            seen = _with_word(seen, word, length)
            text_hash = np.uint32((text_hash ^ word) * PRIME)
        words, function, long_words, aside, aside_first = seen
        row = table[b]
        row[CHARS] = chars
        row[WORDS] = words + wide // 2
        row[LINK_CHARS] = link_chars
        row[LINKS] = links
        row[COMMAS] = commas
        row[ENDS] = ends
        row[DIGITS] = digits
        row[CAPITALS] = capitals
        row[FUNCTION] = function
        row[WIDE] = wide
        row[BARS] = bars
        row[BREAKS] = breaks
        row[BOLD_CHARS] = bold
        row[CODE_CHARS] = code
        row[IS_PRE] = 1 if run_flags[first[b]] & _PRE_FLAG else 0
        row[LAST] = last
        row[FIRST] = start if start >= 0 else OTHER
        row[MARKS] = marks
        row[LONG_WORDS] = long_words
        row[STARTS_LINK] = starts_link
        row[ASIDE] = aside
        row[ASIDE_FIRST] = aside_first
        row[YEARS] = years
        row[CLOCKS] = clocks
        whole[b] = text_hash
    return table, whole
