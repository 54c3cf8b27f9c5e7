"""What measures ask of single characters: a table of bits by code point, and the counts of a document's characters."""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch
from curate.measures.kernels import U
from curate.segment import classes
from curate.segment.tables import CATEGORIES, SCRIPTS, SIZE, WORD_BREAKS

DATA = Path(__file__).parent / "data"

# The low half of `bits()` is `Classes.flags` (ALPHA, SPACE, UPPER ...); the high half is ours.
CASED = 1 << 16  # upper, lower or title case letter
PUNCT = 1 << 17  # punctuation or symbol
CONTROL = 1 << 18  # control character other than tab, line feed and carriage return
EXTEND = 1 << 19  # joins the segment before it in UAX #29 (Extend, Format, ZWJ)
TERMINAL = 1 << 20  # may end a sentence (datatrove's set)
SYMBOL = 1 << 21  # makes no word on its own (datatrove's set)
BULLET = 1 << 22  # opens a list item
TECHNICAL = 1 << 23  # [0-9{}+/()>], MADLAD-400's technical characters
SCRIPT_SHIFT = 24  # number into SCRIPT_NAMES, of letters only

# The scripts that have a measure of their own; a letter of any other is "other".
SCRIPT_NAMES = (
    "latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "han", "kana", "hangul", "thai", "other",
)  # fmt: skip
_SCRIPT_OF = {"Hiragana": "kana", "Katakana": "kana"} | {
    name: name.lower() for name in SCRIPTS if name.lower() in SCRIPT_NAMES
}


@cache
def bits() -> NDArray[np.uint32]:
    """The table, uint32[0x110000]."""
    known = classes()
    out = known.flags.astype(np.uint32)
    by_category = {"CASED": ("Lu", "Ll", "Lt"), "CONTROL": ("Cc",)}
    punctuation = tuple(name for name in CATEGORIES if name[0] in "PS")
    for bit, names in ((CASED, by_category["CASED"]), (CONTROL, by_category["CONTROL"]), (PUNCT, punctuation)):
        chosen = np.zeros(len(CATEGORIES), dtype=np.uint32)
        chosen[[CATEGORIES.index(name) for name in names]] = bit
        out |= chosen[known.category]
    out[[9, 10, 13]] &= np.uint32(~CONTROL & 0xFFFFFFFF)
    joins = np.zeros(len(WORD_BREAKS), dtype=np.uint32)
    joins[[WORD_BREAKS.index(name) for name in ("Extend", "Format", "ZWJ")]] = EXTEND
    out |= joins[known.word_break]
    sets = punctuation_sets()
    out[sets["terminal"]] |= np.uint32(TERMINAL | SYMBOL)
    out[sets["symbol"]] |= np.uint32(SYMBOL)
    out[sets["bullet"]] |= np.uint32(BULLET)
    out[[ord(c) for c in "0123456789{}+/()>"]] |= np.uint32(TECHNICAL)
    script = np.array([SCRIPT_NAMES.index(_SCRIPT_OF.get(name, "other")) for name in SCRIPTS], dtype=np.uint32)
    out |= script[known.script] << np.uint32(SCRIPT_SHIFT)
    assert len(out) == SIZE
    return out


def punctuation_sets() -> dict[str, list[int]]:
    """The named sets of `data/punctuation.txt`, as code points."""
    sets: dict[str, list[int]] = {}
    for line in (DATA / "punctuation.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, _, ranges = line.partition(":")
        for item in ranges.split():
            low, _, high = item.partition("-")
            sets.setdefault(name, []).extend(range(int(low, 16), int(high or low, 16) + 1))
    return sets


class Characters(NamedTuple):
    """Counts of characters by document, each int64[docs]; `scripts` is [scripts, docs], `entropy` float64[docs]."""

    chars: NDArray[np.int64]
    bytes: NDArray[np.int64]
    newlines: NDArray[np.int64]
    hashes: NDArray[np.int64]  # "#"
    ellipses: NDArray[np.int64]  # U+2026
    replacements: NDArray[np.int64]  # U+FFFD
    controls: NDArray[np.int64]
    decimals: NDArray[np.int64]
    letters: NDArray[np.int64]
    upper: NDArray[np.int64]
    cased: NDArray[np.int64]
    spaces: NDArray[np.int64]
    space_bytes: NDArray[np.int64]
    punctuation: NDArray[np.int64]
    operators: NDArray[np.int64]  # {}[]()<>;=/\|
    curly: NDArray[np.int64]  # "{"
    square: NDArray[np.int64]  # "["
    scripts: NDArray[np.int64]
    entropy: NDArray[np.float64]


_COUNTS = len(Characters._fields) - 2
_OPERATORS = np.frombuffer(b"{}[]()<>;=/\\|", dtype=np.uint8)


def characters(batch: Batch) -> Characters:
    """Counts of characters and their entropy, from one histogram a document."""
    text = batch.segments.text
    longest = int(np.max(np.diff(text.first), initial=0))
    seen = np.empty(min(SIZE, longest), dtype=np.uint32)
    counts, scripts, entropy = _count(text.codes, text.first, bits(), _operator_table(), _histogram(), seen)
    rows: list[NDArray[Any]] = [*counts, scripts, entropy]
    return Characters(*rows)


@cache
def _operator_table() -> NDArray[np.bool_]:
    table = np.zeros(128, dtype=np.bool_)
    table[_OPERATORS] = True
    return table


@cache
def _histogram() -> NDArray[np.int32]:
    """Scratch that is all zeros between calls: filling it anew for every batch would cost more than the counting."""
    return np.zeros(SIZE, dtype=np.int32)


@njit(cache=True)
def _count(codes, first, table, operator, histogram, seen):  # type: ignore[no-untyped-def]  # a kernel
    docs = len(first) - 1
    counts = np.zeros((_COUNTS, docs), dtype=np.int64)
    scripts = np.zeros((len(SCRIPT_NAMES), docs), dtype=np.int64)
    entropy = np.zeros(docs, dtype=np.float64)
    for d in range(docs):
        distinct = 0
        for at in range(U(first[d]), U(first[d + 1])):
            code = codes[at]
            if histogram[code] == 0:
                seen[distinct] = code
                distinct += 1
            histogram[code] += 1
        chars = first[d + 1] - first[d]
        counts[0, d] = chars
        weighted = 0.0
        for k in range(distinct):
            code = seen[k]
            copies = np.int64(histogram[code])
            histogram[code] = 0
            weighted += copies * np.log2(copies)
            bit = table[code]
            size = copies * (1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF))
            counts[1, d] += size
            counts[2, d] += copies * (code == 10)
            counts[3, d] += copies * (code == 35)
            counts[4, d] += copies * (code == 0x2026)
            counts[5, d] += copies * (code == 0xFFFD)
            counts[6, d] += copies * ((bit & CONTROL) != 0)
            counts[7, d] += copies * ((bit & 32) != 0)
            counts[9, d] += copies * ((bit & 4) != 0)
            counts[10, d] += copies * ((bit & CASED) != 0)
            counts[11, d] += copies * ((bit & 2) != 0)
            counts[12, d] += size * ((bit & 2) != 0)
            counts[13, d] += copies * ((bit & PUNCT) != 0)
            counts[14, d] += copies * (code < 128 and operator[code])
            counts[15, d] += copies * (code == 123)
            counts[16, d] += copies * (code == 91)
            if bit & 1:
                counts[8, d] += copies
                scripts[bit >> SCRIPT_SHIFT, d] += copies
        if chars > 0:
            entropy[d] = max(0.0, np.log2(chars) - weighted / chars)
    return counts, scripts, entropy
