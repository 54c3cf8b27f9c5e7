"""Sentences of any script, by marks, spaces and lines.

A line end ends a sentence. So does a mark of the Unicode property Sentence_Terminal (。！？ । ؟ ። and so on) with the
marks and closing quotes or brackets that follow; the ASCII marks "!" and "?", which also stand in code and addresses,
only before white space or a letter without case. A dot or an ellipsis needs the same and is passed over before a
lower-case letter or a comma, after an initial or acronym (J., U.S.), after the number that opens a line (1. First), and
after the words in `data/abbreviations.txt`. Scripts without such marks (Thai, Lao) give one sentence per line.
"""

from functools import cache
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.hashing import find, hash_table, span_id, string_ids
from curate.segment.kernels import helper, longer
from curate.segment.tables import ALPHA, CATEGORIES, DECIMAL, LOWER, SENTENCE_TERMINAL, SPACE, UPPER, classes
from curate.segment.types import Codes, Offsets, Spans, Text

PATH = Path(__file__).parent / "data" / "abbreviations.txt"
ABBREVIATION_MAX = 16

# Kinds of characters, the entries of `sentence_classes`; from LINE on they may end a sentence.
PLAIN, BLANK, CLOSER, OPENER, LINE, HARD, SOFT, DOT = range(8)

ALWAYS, BEFORE_DIGIT = 1, 2  # values of `abbreviations`


def sentences(text: Text) -> Spans:
    """Sentences of every document, without surrounding white space; blank ones are left out."""
    return Spans(*_sentences(text.codes, text.first, sentence_classes(), classes().flags, abbreviations()))


@cache
def sentence_classes() -> NDArray[np.uint8]:
    """The kind of every code point, for the splitter."""
    tables = classes()
    out = np.full(len(tables.flags), PLAIN, dtype=np.uint8)
    out[tables.flags & SPACE != 0] = BLANK
    out[[ord(c) for c in "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"]] = LINE
    for kind, categories in ((CLOSER, ("Pe", "Pf")), (OPENER, ("Pi",))):
        out[np.isin(tables.category, [CATEGORIES.index(name) for name in categories])] = kind
    out[[ord(c) for c in "\"'"]] = CLOSER
    out[tables.flags & SENTENCE_TERMINAL != 0] = HARD
    out[[ord(c) for c in "!?"]] = SOFT
    out[[ord(c) for c in ".\u2024\u2026\uff0e\ufe52"]] = DOT
    return out


@cache
def abbreviations() -> NDArray[np.uint64]:
    """Hash table of the abbreviations: span id -> ALWAYS or BEFORE_DIGIT."""
    lines = PATH.read_text(encoding="utf-8").splitlines()
    words = [word for line in lines if not line.startswith("#") for word in line.split()]
    entries: dict[int, int] = {}
    for word in words:
        name = word.rstrip("#")
        value = BEFORE_DIGIT if word.endswith("#") else ALWAYS
        for key in string_ids([name, name[:1].upper() + name[1:], name.upper()]):
            entries[int(key)] = value
    return hash_table(entries)


@njit(cache=True)
def _sentences(
    codes: Codes, first: Offsets, kinds: NDArray[np.uint8], flags: NDArray[np.uint16], abbreviations: NDArray[np.uint64]
) -> tuple[Offsets, Offsets, Offsets]:
    docs = len(first) - 1
    begin = np.empty(docs + len(codes) // 32 + 64, dtype=np.int64)
    end = np.empty_like(begin)
    of = np.zeros(docs + 1, dtype=np.int64)
    n = np.int64(0)
    for d in range(docs):
        at = line = first[d]
        while at < first[d + 1]:
            if n == len(begin):
                begin, end = longer(begin), longer(end)
            at, line, n = _document(codes, at, line, first[d + 1], kinds, flags, abbreviations, begin, end, n)
        of[d + 1] = n
    return begin[:n], end[:n], of


@helper
def _document(codes, at, line, stop, kinds, flags, abbreviations, begin, end, n):  # type: ignore[no-untyped-def]
    """Sentences from `at` on, after n that stand already, until there is no room.

    Returns where it stopped, where the line started there, and how many sentences stand.
    """
    while at < stop and n < len(begin):
        while at < stop and kinds[codes[at]] == BLANK:
            at += 1
        start = at
        ended = False
        while not ended:
            while at < stop and kinds[codes[at]] < LINE:
                at += 1
            if at == stop or kinds[codes[at]] == LINE:
                n = _put(codes, start, at, kinds, begin, end, n)
                at += at < stop
                line = at
                ended = True
            else:
                close = _closing(codes, at + 1, stop, kinds)
                ended = _ends(codes, line, at, close, stop, kinds, flags, abbreviations)
                at = close
                if ended:
                    n = _put(codes, start, close, kinds, begin, end, n)
    return at, line, n


@helper
def _put(codes, start, stop, kinds, begin, end, n):  # type: ignore[no-untyped-def]
    """Write a sentence without the blanks at its end, if anything is left."""
    while stop > start and kinds[codes[stop - 1]] in (BLANK, LINE):
        stop -= 1
    if stop > start:
        begin[n] = start
        end[n] = stop
        n += 1
    return n


@helper
def _closing(codes, at, stop, kinds):  # type: ignore[no-untyped-def]
    """End of the marks and closing quotes and brackets that start at `at`; an opening quote closes before a blank."""
    while at < stop:
        kind = kinds[codes[at]]
        opener = kind == OPENER and (at + 1 == stop or kinds[codes[at + 1]] in (BLANK, LINE))
        if kind < HARD and kind != CLOSER and not opener:
            break
        at += 1
    return at


@helper
def _ends(codes, line, mark, close, stop, kinds, flags, abbreviations):  # type: ignore[no-untyped-def]
    """Whether the marks at `mark`, which with their closing signs end at `close`, end a sentence."""
    kind = kinds[codes[mark]]
    if kind == HARD or close == stop or kinds[codes[close]] == LINE:
        return True
    following = flags[codes[close]]
    if not following & SPACE:
        return following & ALPHA != 0 and not following & (UPPER | LOWER) and not _after_ascii(codes, mark)
    if kind == SOFT:
        return True
    after = close
    while after < stop and kinds[codes[after]] == BLANK:
        after += 1
    if after == stop or kinds[codes[after]] == LINE:
        return True
    if flags[codes[after]] & LOWER or codes[after] in (44, 58, 59):
        return False
    return close - mark > 1 or not _guarded(codes, line, mark, flags[codes[after]], flags, abbreviations)


@helper
def _after_ascii(codes, mark):  # type: ignore[no-untyped-def]
    """Whether an ASCII letter or digit stands before a mark: then it is rather that of a file or host name."""
    before = codes[mark - 1] if mark > 0 else np.uint32(0)
    return 48 <= before <= 57 or 65 <= before <= 90 or 97 <= before <= 122


@helper
def _guarded(codes, line, dot, following, flags, abbreviations):  # type: ignore[no-untyped-def]
    """Whether a single dot belongs to what stands before it: an initial, an abbreviation, the number of a list item."""
    start = dot
    while start > line and dot - start <= ABBREVIATION_MAX and _in_word(codes[start - 1], flags):
        start -= 1
    if start == dot:
        return False
    digits = start
    while digits < dot and flags[codes[digits]] & DECIMAL:
        digits += 1
    if digits == dot:
        while start > line and flags[codes[start - 1]] & SPACE:
            start -= 1
        return start == line
    if flags[codes[dot - 1]] & UPPER and (dot - 1 == start or codes[dot - 2] == 46):
        return True
    value = find(abbreviations, span_id(codes, start, dot))
    return value == ALWAYS or (value == BEFORE_DIGIT and following & DECIMAL != 0)


@helper
def _in_word(code, flags):  # type: ignore[no-untyped-def]
    """What an abbreviation may be made of: letters, digits, dots, hyphens, ordinal signs."""
    return flags[code] & (ALPHA | DECIMAL) != 0 or code == 46 or code == 45
