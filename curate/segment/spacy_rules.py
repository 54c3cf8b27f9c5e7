"""What `spacy_words` works with: character classes, special cases and units of spaCy 3.8's English tokenizer."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.segment.hashing import GOLDEN, hash_table, string_ids
from curate.segment.kernels import helper
from curate.segment.tables import CATEGORIES, SIZE, classes

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
SPLITS = 65536  # first character of an infix
PUNCTUATION = 131072  # a character of a general category P, what the sentencizer passes over
ACTIVE = 262144  # a chunk without any of these has no affixes (but for units after digits)

OPERATORS = ".,:+-*^<>=/~\u2013\u2014"  # split between certain neighbours only
LONGEST_SPECIAL = 12
LONGEST_UNIT = 5
LENGTH_BITS = 4  # the token lengths of a special case are packed four bits each
ROOT = 1
SIEVE = 4096
OPENS, FOLLOWS, SPECIAL = 1, 2, 4
UNIT_SALT = 0x5BD1E9955BD1E995


class Rules(NamedTuple):
    """Arrays for the kernels.

    `facts` is one open-addressed hash table of (key, value) rows, a power of two of them; 0 is the empty key. Under the
    id of a special case: its token lengths. Under the id of a unit of measure, salted: 1. Under `trie_key(node, token
    id)`: twice the node reached, plus 1 where the tokens so far are those of a special case.
    """

    bits: NDArray[np.uint32]  # [SIZE]
    facts: NDArray[np.uint64]  # [slots, 2]
    sieve: NDArray[np.uint8]  # [SIEVE] OPENS, FOLLOWS: a token with these low id bits may open, follow in the trie;
    # SPECIAL: a span of this `shape` may be a special case


@cache
def rules() -> Rules:
    """The tokenizer's facts; loaded once per process."""
    with np.load(PATH) as packed:
        bits = np.repeat(packed["bits_values"], np.diff(packed["bits_starts"], append=SIZE))
        specials = [str(name) for name in packed["specials"]]
        units = [str(unit) for unit in packed["units"]]
        pieces, pattern = packed["pieces"], packed["pattern"]
    assert max(map(len, specials)) == LONGEST_SPECIAL
    assert max(map(len, units)) == LONGEST_UNIT
    operators = [ord(c) for c in OPERATORS]
    bits[operators] |= SPLITS
    bits[bits & INFIX != 0] |= SPLITS
    bits[bits & (PREFIX | SUFFIX | AFTER_DIGIT | SPLITS) != 0] |= ACTIVE
    bits[np.isin(classes().category, [i for i, name in enumerate(CATEGORIES) if name[0] == "P"])] |= PUNCTUATION
    entries, sieve = _trie(specials, pattern)
    for key, lengths in zip(string_ids(specials), pieces, strict=True):
        entries[int(key)] = sum(int(length) << (LENGTH_BITS * i) for i, length in enumerate(lengths))
    for name in specials:
        sieve[shape(ord(name[0]), ord(name[-1]), len(name))] |= SPECIAL
    for key in string_ids(units):
        entries[int(key) ^ UNIT_SALT] = 1
    return Rules(bits, hash_table(entries), sieve)


def _trie(specials: list[str], pattern: NDArray[np.uint8]) -> tuple[dict[int, int], NDArray[np.uint8]]:
    """Trie over token ids of the special cases that the plain rules split into two tokens or more.

    Those of one token stay out: finding one changes nothing and, being the shortest, it hides nothing.
    """
    reached: dict[int, int] = {}
    sieve = np.zeros(SIEVE, dtype=np.uint8)
    nodes = ROOT + 1
    for name, lengths in zip(specials, pattern, strict=True):
        cuts = np.cumsum(lengths[lengths > 0])
        if len(cuts) < 2:
            continue
        node = ROOT
        key = 0
        for token in string_ids([name[a:b] for a, b in zip([0, *cuts[:-1]], cuts, strict=True)]):
            key = (int(token) ^ (node * GOLDEN)) & 0xFFFFFFFFFFFFFFFF
            sieve[int(token) % SIEVE] |= OPENS if node == ROOT else FOLLOWS
            if key not in reached:
                reached[key] = nodes << 1
                nodes += 1
            node = reached[key] >> 1
        reached[key] |= 1
    return reached, sieve


@helper
def trie_key(node, token):  # type: ignore[no-untyped-def]
    """Key of the step from a node along a token id."""
    return token ^ (np.uint64(node) * np.uint64(GOLDEN))


@helper
def shape(first, last, length):  # type: ignore[no-untyped-def]
    """Place of a span in the sieve, by its ends and its length."""
    return (np.int64(first) * 5 + np.int64(last) * 131 + length * 1031) % SIEVE
