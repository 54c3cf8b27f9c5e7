"""The facts that `spacy_words` works with: character classes, special cases and units of spaCy 3.8's English tokenizer."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.decode import decode
from curate.segment.hashing import span_ids
from curate.segment.tables import SIZE
from curate.segment.types import Ids

PATH = Path(__file__).parent / "data" / "spacy.npz"

# Bits of `Rules.bits`: where the tokenizer's rules accept a character.
PREFIX = 1  # split off the front of a chunk
SUFFIX = 2  # split off the end of a chunk
INFIX = 4  # split out of the middle, whatever its neighbours
LETTER = 8  # a neighbour at which comma, hyphen, colon, slash and the like split
BEFORE_INNER_DOT = 16  # before a dot that splits in the middle
AFTER_INNER_DOT = 32  # after a dot that splits in the middle
BEFORE_LAST_DOT = 64  # a final dot splits off after this one
CAPITAL = 128  # a final dot splits off after two of these
AFTER_DIGIT = 256  # split off the end after a digit: currencies and "+"
DIGIT = 512  # 0 to 9
UNIT_LAST = 1024  # last character of a unit of measure
DOMAIN_END = 2048  # what a top-level domain may be made of
WORD = 4096  # \w
DECIMAL = 8192  # \d
SPACE = 16384  # str.isspace
SENTENCE_END = 32768  # the sentencizer's marks
ACTIVE = 65536  # a chunk without any of these has no affixes (but for units after digits)

OPERATORS = ".,:+-*^<>=/~\u2013\u2014"  # split between certain neighbours only
ROOT = 0


class Rules(NamedTuple):
    """Arrays for the kernels. The hash tables are open-addressed, a power of two long, and 0 is the empty key."""

    bits: NDArray[np.uint32]  # [SIZE]
    special_keys: Ids  # ids of the special cases
    special_rows: NDArray[np.int64]  # their rows of `pieces`
    pieces: NDArray[np.uint8]  # [specials, 4] token lengths, 0 after the last
    longest_special: int
    unit_keys: Ids  # ids of the units of measure
    longest_unit: int
    trie_keys: Ids  # `trie_key` of a node and the id of the next token
    trie_next: NDArray[np.int64]  # the node reached
    trie_ends: NDArray[np.bool_]  # [nodes] whether a special case ends there


@cache
def rules() -> Rules:
    """The tokenizer's facts; loaded once per process."""
    with np.load(PATH) as packed:
        bits = np.repeat(packed["bits_values"], np.diff(packed["bits_starts"], append=SIZE))
        specials = [str(name) for name in packed["specials"]]
        units = [str(unit) for unit in packed["units"]]
        pieces = packed["pieces"]
        pattern = packed["pattern"]
    special_keys, special_rows = _hash_table(string_ids(specials), np.arange(len(specials)))
    unit_keys, _ = _hash_table(string_ids(units), np.arange(len(units)))
    return Rules(
        bits,
        special_keys,
        special_rows,
        pieces,
        max(map(len, specials)),
        unit_keys,
        max(map(len, units)),
        *_trie(specials, pattern),
    )


def string_ids(strings: list[str]) -> Ids:
    """Ids that these strings have as words."""
    text = decode(strings)
    return span_ids(text.codes, text.first[:-1], text.first[1:])


def _hash_table(keys: Ids, values: NDArray[np.int64]) -> tuple[Ids, NDArray[np.int64]]:
    """Open-addressing table, at most a quarter full."""
    size = 1 << (4 * len(keys)).bit_length()
    table = np.zeros(size, dtype=np.uint64)
    out = np.full(size, -1, dtype=np.int64)
    for key, value in zip(keys, values, strict=True):
        slot = int(key) & (size - 1)
        while table[slot]:
            slot = (slot + 1) & (size - 1)
        table[slot] = key
        out[slot] = value
    return table, out


def _trie(specials: list[str], pattern: NDArray[np.uint8]) -> tuple[Ids, NDArray[np.int64], NDArray[np.bool_]]:
    """Trie over token ids of the special cases that the plain rules split into two tokens or more.

    Those of one token stay out: finding one changes nothing and, being the shortest, it hides nothing.
    """
    keys: list[int] = []
    reached: list[int] = []
    ends = [False]
    known: dict[tuple[int, int], int] = {}
    for name, lengths in zip(specials, pattern, strict=True):
        cuts = np.cumsum(lengths[lengths > 0])
        if len(cuts) < 2:
            continue
        node = ROOT
        for token in string_ids([name[a:b] for a, b in zip([0, *cuts[:-1]], cuts, strict=True)]):
            step = (node, int(token))
            if step not in known:
                known[step] = len(ends)
                keys.append(int(trie_key(node, token)))
                reached.append(len(ends))
                ends.append(False)
            node = known[step]
        ends[node] = True
    table, out = _hash_table(np.array(keys, dtype=np.uint64), np.array(reached))
    return table, out, np.array(ends)


@njit(cache=True, inline="always")
def trie_key(node, token):  # type: ignore[no-untyped-def]  # a kernel inlined into kernels
    """Key of the step from a node along a token id."""
    return (token ^ (np.uint64(node) * np.uint64(0x9E3779B97F4A7C15))) | np.uint64(1)


@njit(cache=True, inline="always")
def find(keys, key):  # type: ignore[no-untyped-def]  # a kernel inlined into kernels
    """Slot of a key in an open-addressing table, or -1."""
    last = np.uint64(len(keys) - 1)
    slot = key & last
    while keys[slot] != 0:
        if keys[slot] == key:
            return np.int64(slot)
        slot = (slot + np.uint64(1)) & last
    return np.int64(-1)
