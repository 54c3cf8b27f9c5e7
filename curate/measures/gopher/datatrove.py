"""Gopher's rules as datatrove 0.10.1 computes them (`GopherQualityFilter`, `GopherRepetitionFilter`, for English).

What differs from other readings of the paper: spaCy tokens with punctuation among them; only later copies of a line or
a paragraph count; every share of characters is of the whole text; the most frequent n-gram counts even when it occurs
once; repeated n-grams are compared as strings joined without a space, so that token boundaries vanish, and found by a
scan that jumps over each hit. A ratio without a denominator is 0.0; the peer never divides there but for the empty
text, which it drops as "empty" (`chars` = 0) or as too short (`words` < 50).
"""

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch, ratio
from curate.measures.characters import SYMBOL, bits, characters
from curate.measures.gopher.blocks import copies, datatrove
from curate.measures.gopher.lines import datatrove_lines
from curate.measures.gopher.ngrams import longer_grams, repeated_pairs
from curate.measures.hashtable import EMPTY, home, table_bits
from curate.measures.kernels import U
from curate.measures.marks import marks
from curate.segment import word_id
from curate.segment.kernels import helper
from curate.segment.tables import ALPHA, SPACE

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
TOP, DUPLICATED = (2, 3, 4), (5, 6, 7, 8, 9, 10)
PREFIX = 16  # characters
# An odd multiplier for the rolling hash of the joined tokens, modulo 2**64. Two different n-grams of less than a
# thousand characters get the same value with the probability of a random 64-bit hash; the strings for which powers of
# two are weak (Thue-Morse words) are longer.
_BASE = np.uint64(0xD1342543DE82EF95)


def gopher_datatrove(batch: Batch) -> dict[str, NDArray[np.generic]]:
    """The family `gopher_datatrove`, without the family's name."""
    text, words = batch.segments.text, batch.segments.words_spacy
    chars, dots = batch.once(characters), batch.once(marks)
    lines = datatrove_lines(batch)
    tokens, plain, plain_chars, alpha, stops = _tokens(
        text.codes, words.begin, words.end, words.first, words.ids, bits(), *_stop_ids()
    )
    out: dict[str, NDArray[np.generic]] = {
        "chars": chars.chars,
        "words": plain,
        "mean_word_length": ratio(plain_chars, plain),
        "hash_ratio": ratio(chars.hashes, tokens),
        "ellipsis_ratio": ratio(dots.dots + chars.ellipses, tokens),
        "bullet_lines": ratio(lines.bullets, lines.lines),
        "ellipsis_lines": ratio(lines.ellipses, lines.lines),
        "alpha_words": ratio(alpha, tokens),
        "stop_words": stops,
    }
    blocks = batch.once(datatrove)
    for name, view in (("para", blocks.paragraphs), ("line", blocks.lines)):
        repeated = copies(view, view.end - view.begin)
        out[f"dup_{name}_frac"] = ratio(repeated.excess, repeated.blocks)
        out[f"dup_{name}_char_frac"] = ratio(repeated.excess_length, chars.chars)
    top = _top_grams(words.begin, words.end, words.first, words.ids)
    for n in TOP:
        out[f"top_{n}_gram"] = ratio(top[n - TOP[0]], chars.chars)
    joined = _joined_duplicates(text.codes, text.first, words.begin, words.end, words.first, bits())
    for n in DUPLICATED:
        out[f"dup_{n}_gram"] = ratio(joined[n - DUPLICATED[0]], chars.chars)
    return out


@cache
def _stop_ids() -> tuple[NDArray[np.uint64], np.uint64]:
    """Ids of the stop words, and a bit for the top six bits of each."""
    ids = [word_id(word) for word in STOP_WORDS]
    return np.array(ids, dtype=np.uint64), np.uint64(sum(1 << top for top in {one >> 58 for one in ids}))


@njit(cache=True)
def _tokens(codes, begin, end, first, ids, table, stop_ids, tops):  # type: ignore[no-untyped-def]  # a kernel
    """Rows: tokens, tokens that are not all symbols, their characters, tokens with a letter, different stop words."""
    docs = len(first) - 1
    out = np.zeros((5, docs), dtype=np.int64)
    for d in range(docs):
        seen = 0
        out[0, d] = first[d + 1] - first[d]
        for i in range(U(first[d]), U(first[d + 1])):
            plain = False
            alpha = False
            for at in range(U(begin[i]), U(end[i])):
                bit = table[codes[at]]
                plain |= (bit & SYMBOL) == 0
                alpha |= (bit & ALPHA) != 0
                if alpha and plain:
                    break
            length = end[i] - begin[i]
            if plain:
                out[1, d] += 1
                out[2, d] += length
            out[3, d] += alpha
            if (tops >> (ids[i] >> np.uint64(58))) & np.uint64(1):
                for k in range(len(stop_ids)):
                    if ids[i] == stop_ids[k]:
                        seen |= 1 << k
        for k in range(len(stop_ids)):
            out[4, d] += (seen >> k) & 1
    return out


@njit(cache=True)
def _top_grams(begin, end, first, ids):  # type: ignore[no-untyped-def]  # a kernel
    """Characters of the most frequent 2-, 3- and 4-gram joined with spaces times its copies, int64[3, docs].

    Among equals the first seen, as `Counter.most_common(1)` has it; where none repeats, that is the first n-gram.
    """
    docs = len(first) - 1
    out = np.zeros((len(TOP), docs), dtype=np.int64)
    most = 1
    for d in range(docs):
        most = max(most, first[d + 1] - first[d])
    room = 1 << table_bits(most)
    keys = np.empty(room, dtype=np.uint64)
    slots = np.empty(room, dtype=np.int32)
    positions = np.empty(most, dtype=np.int32)
    groups = np.empty(most, dtype=np.int32)
    counts = np.empty(most, dtype=np.int32)
    firsts = np.empty(most, dtype=np.int32)
    for d in range(docs):
        low, high = first[d], first[d + 1]
        survivors, kept = repeated_pairs(ids, low, high, keys, slots, positions, groups, counts, firsts)
        for n in range(2, 5):
            if high - low < n:
                break
            if n > 2:
                survivors, kept = longer_grams(keys, slots, positions, groups, counts, firsts, survivors)
            start, times = low, np.int64(1)
            for group in range(kept):
                if counts[group] > times:
                    times = np.int64(counts[group])
                    start = low + firsts[group]
            length = np.int64(n - 1)
            for i in range(start, start + n):
                length += end[i] - begin[i]
            out[n - 2, d] = length * times
    return out


@njit(cache=True)
def _joined_duplicates(codes, text_first, begin, end, first, table):  # type: ignore[no-untyped-def]  # a kernel
    """Characters of the 5- to 10-grams that the scan has met before, int64[6, docs].

    Two equal n-grams of PREFIX characters or more begin with the same PREFIX characters. So the scan looks only at
    tokens whose next PREFIX characters occur again in the text, and at n-grams that are shorter than that.
    """
    docs = len(first) - 1
    out = np.zeros((len(DUPLICATED), docs), dtype=np.int64)
    most, widest = np.int64(1), np.int64(0)
    for d in range(docs):
        most = max(most, first[d + 1] - first[d])
        widest = max(widest, text_first[d + 1] - text_first[d])
    room = 1 << table_bits(most)
    keys = np.empty(room, dtype=np.uint64)
    slots = np.empty(room, dtype=np.int32)
    hashes = np.zeros(widest + 1, dtype=np.uint64)  # of the first characters, joined
    solid = np.empty(widest + 1, dtype=np.uint64)
    length = np.zeros(most + 1, dtype=np.int64)  # of the first tokens, joined
    candidates = np.empty(most, dtype=np.int32)
    again = np.empty(most, dtype=np.bool_)
    powers = np.empty(256, dtype=np.uint64)
    powers[0] = 1
    for k in range(1, len(powers)):
        powers[k] = powers[k - 1] * _BASE
    for d in range(docs):
        low = first[d]
        tokens = first[d + 1] - low
        for i in range(tokens):
            length[i + 1] = length[i] + end[low + i] - begin[low + i]
        _hash_joined(codes, text_first[d], text_first[d + 1], table, powers, solid, hashes)
        found = _repeated_prefixes(hashes, length, tokens, powers[PREFIX], keys, slots, candidates, again)
        for n in range(5, 11):
            if tokens <= n:
                break
            bits = table_bits(found)
            mask = U((1 << bits) - 1)
            slots[: 1 << bits] = EMPTY
            free = 0
            kept = 0
            for k in range(U(found)):
                i = int(candidates[k])
                if i > tokens - n:
                    break
                start, stop = length[U(i)], length[U(i + n)]
                size = stop - start
                if size >= PREFIX and not again[U(i)]:
                    continue
                candidates[U(kept)] = i
                kept += 1
                if i < free:
                    continue
                key = hashes[U(stop)] - hashes[U(start)] * _power(powers, size)
                at = home(key, bits)
                while (slots[at] != EMPTY) & (keys[at] != key):
                    at = (at + U(1)) & mask
                if slots[at] != EMPTY:
                    out[n - 5, d] += size
                    free = i + n
                else:
                    keys[at] = key
                    slots[at] = 0
            found = kept
    return out


@helper
def _hash_joined(  # type: ignore[no-untyped-def]
    codes, start, stop, table, powers, solid, hashes
):
    """Fill `hashes` for the joined tokens; `solid` is scratch for their characters."""
    # The tokens are the text without its white space.
    size = np.int64(0)
    for at in range(U(start), U(stop)):
        code = codes[at]
        solid[U(size)] = np.uint64(code) + np.uint64(1)
        size += (table[code] & SPACE) == 0
    # Four characters a step: the products do not wait for each other.
    value = U(0)
    place = U(0)
    while place + U(4) <= U(size):
        two = solid[place] * _BASE + solid[place + U(1)]
        three = two * _BASE + solid[place + U(2)]
        four = three * _BASE + solid[place + U(3)]
        hashes[place + U(1)] = value * powers[1] + solid[place]
        hashes[place + U(2)] = value * powers[2] + two
        hashes[place + U(3)] = value * powers[3] + three
        value = value * powers[4] + four
        hashes[place + U(4)] = value
        place += U(4)
    while place < U(size):
        value = value * _BASE + solid[place]
        place += U(1)
        hashes[place] = value


@helper
def _repeated_prefixes(  # type: ignore[no-untyped-def]
    hashes, length, tokens, power, keys, slots, candidates, again
):
    """The tokens, ascending, that may begin a repeated n-gram; returns their number. `again`: the prefix repeats."""
    bits = table_bits(tokens)
    mask = U((1 << bits) - 1)
    slots[: 1 << bits] = EMPTY
    again[:tokens] = False
    for i in range(U(max(0, tokens - 4))):
        start = length[i]
        if start + PREFIX > length[tokens]:
            break
        key = hashes[U(start + PREFIX)] - hashes[U(start)] * power
        at = home(key, bits)
        while (slots[at] != EMPTY) & (keys[at] != key):
            at = (at + U(1)) & mask
        new = slots[at] == EMPTY
        other = np.int32(i) if new else slots[at]
        keys[at] = key
        slots[at] = other
        again[U(other)] |= not new
        again[i] |= not new
    found = 0
    for i in range(U(max(0, tokens - 4))):
        candidates[U(found)] = i
        found += again[i] | (length[i + U(5)] - length[i] < PREFIX)
    return found


@helper
def _power(powers, exponent):  # type: ignore[no-untyped-def]
    """_BASE ** exponent."""
    if exponent < len(powers):
        return powers[U(exponent)]
    out = np.uint64(1)
    factor = _BASE
    while exponent > 0:
        if exponent & 1:
            out *= factor
        factor *= factor
        exponent >>= 1
    return out
