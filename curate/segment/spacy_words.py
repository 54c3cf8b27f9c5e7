"""Words exactly as spaCy 3.8's blank English tokenizer splits them, without its white-space tokens.

That is what datatrove 0.10 calls words. The algorithm, per chunk between white space: a special case stands as it is;
otherwise prefixes and suffixes are taken off in turn until none is left or a special case remains; what remains is a
special case, an address, or is split at infixes. At the end, special cases whose characters lie in several adjacent
tokens are put together again, longest first.

Known difference: spaCy fails on the token `IS_ALPHA` (a name it keeps for itself), datatrove then deletes these letters
from the text; here it is a word like any other. Lone surrogates, on which spaCy fails too, are ordinary characters.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.hashing import find, span_id
from curate.segment.kernels import helper, longer
from curate.segment.spacy_affixes import has_host_dot, infix_length, long_prefix, suffix_length
from curate.segment.spacy_rules import (
    ACTIVE,
    DIGIT,
    FOLLOWS,
    LENGTH_BITS,
    LONGEST_SPECIAL,
    OPENS,
    PREFIX,
    ROOT,
    SIEVE,
    SPACE,
    SPECIAL,
    SPLITS,
    UNIT_LAST,
    rules,
    shape,
    trie_key,
)
from curate.segment.spacy_url import is_url
from curate.segment.types import Codes, Ids, Offsets, Text, Words

ROOM_FOR_SPECIAL = 4  # the most tokens of a special case


def words_spacy(text: Text) -> Words:
    """Words of every document as datatrove's English `word_tokenize` gives them."""
    return Words(*_tokenize(text.codes, text.first, *rules()))


@njit(cache=True)
def _tokenize(
    codes: Codes, first: Offsets, bits: NDArray[np.uint32], facts: NDArray[np.uint64], sieve: NDArray[np.uint8]
) -> tuple[Offsets, Offsets, Offsets, Ids]:
    docs = len(first) - 1
    of = np.zeros(docs + 1, dtype=np.int64)
    begin = np.empty(len(codes) // 4 + 64, dtype=np.int64)
    end = np.empty_like(begin)
    ids = np.empty(len(begin), dtype=np.uint64)
    # The tokens of one document, rows of (begin, end, id): small enough to stay in the processor's cache.
    tokens = np.empty((4096, 3), dtype=np.int64)
    start = np.empty(64, dtype=np.int64)
    size = np.empty(64, dtype=np.int64)
    for d in range(docs):
        at, n, need = _document(codes, first[d], first[d + 1], bits, facts, sieve, tokens, np.int64(0))
        while need:
            tokens = _grown(tokens, n, need)
            at, n, need = _document(codes, at, first[d + 1], bits, facts, sieve, tokens, n)
        matches = _adjacent_specials(codes, facts, sieve, tokens, n, start, size)
        if matches > len(start):
            start = np.empty(2 * matches, dtype=np.int64)
            size = np.empty(2 * matches, dtype=np.int64)
            _adjacent_specials(codes, facts, sieve, tokens, n, start, size)
        if matches:
            _choose(n, start, size, matches)
        while of[d] + n + matches * ROOM_FOR_SPECIAL > len(begin):
            begin, end, ids = longer(begin), longer(end), longer(ids)
        of[d + 1] = _append(codes, facts, tokens, n, start, size, matches, begin, end, ids, of[d])
    return begin[: of[docs]], end[: of[docs]], of, ids[: of[docs]]


@helper
def _document(codes, at, doc_end, bits, facts, sieve, tokens, n):  # type: ignore[no-untyped-def]
    """Tokens of a document from `at` on, after n that stand already; stops where there might be no room.

    Returns where it stopped, the number of tokens, and how many more rows it needs to go on (0: it is done).
    """
    while at < doc_end:
        if bits[codes[at]] & SPACE:
            at += 1
            continue
        stop = at
        seen = np.uint32(0)
        while stop < doc_end:
            here = bits[codes[stop]]
            if here & SPACE:
                break
            seen |= here
            stop += 1
        plain = not seen & ACTIVE and not (seen & DIGIT and bits[codes[stop - 1]] & UNIT_LAST)
        need = ROOM_FOR_SPECIAL if plain else max(ROOM_FOR_SPECIAL, stop - at)
        if n + need > len(tokens):
            return at, n, need
        if plain:
            key = span_id(codes, at, stop)
            maybe = sieve[shape(codes[at], codes[stop - 1], stop - at)] & SPECIAL
            lengths = find(facts, key) if maybe else np.uint64(0)
            n = _emit_special(codes, at, lengths, tokens, n) if lengths else _put(at, stop, key, tokens, n)
        else:
            n = _chunk(codes, at, stop, bits, facts, sieve, tokens, n)
        at = stop
    return at, n, 0


@njit(cache=True)
def _grown(tokens, used, more):  # type: ignore[no-untyped-def]
    """A copy of a document's tokens with room for more."""
    out = np.empty((max(2 * len(tokens), used + more), 3), dtype=np.int64)
    for i in range(used):
        _put(tokens[i, 0], tokens[i, 1], tokens[i, 2], out, i)
    return out


@helper
def _put(at, stop, key, tokens, n):  # type: ignore[no-untyped-def]
    tokens[n, 0] = at
    tokens[n, 1] = stop
    tokens[n, 2] = np.int64(key)
    return n + 1


@helper
def _emit(codes, at, stop, tokens, n):  # type: ignore[no-untyped-def]
    return _put(at, stop, span_id(codes, at, stop), tokens, n)


@helper
def _special(codes, at, stop, facts, sieve):  # type: ignore[no-untyped-def]
    """Token lengths of the special case that this span is, or 0."""
    if not 0 < stop - at <= LONGEST_SPECIAL or not sieve[shape(codes[at], codes[stop - 1], stop - at)] & SPECIAL:
        return np.uint64(0)
    return find(facts, span_id(codes, at, stop))


@helper
def _emit_special(codes, at, lengths, tokens, n):  # type: ignore[no-untyped-def]
    """The tokens of a special case that starts at `at`."""
    while lengths:
        length = np.int64(lengths & np.uint64((1 << LENGTH_BITS) - 1))
        n = _emit(codes, at, at + length, tokens, n)
        at += length
        lengths >>= np.uint64(LENGTH_BITS)
    return n


@helper
def _chunk(codes, at, stop, bits, facts, sieve, tokens, n):  # type: ignore[no-untyped-def]
    """A chunk with affixes. Suffixes are kept at the far end of its room in the output until the middle is written."""
    suffixes = n + max(ROOM_FOR_SPECIAL, stop - at)
    top = suffixes
    lengths = _special(codes, at, stop, facts, sieve)
    while at < stop and not lengths:
        prefix = 1 if bits[codes[at]] & PREFIX else long_prefix(codes, at, stop, bits)
        if prefix:
            n = _emit(codes, at, at + prefix, tokens, n)
            lengths = _special(codes, at + prefix, stop, facts, sieve)
            if lengths:
                at += prefix
                break
        suffix = suffix_length(codes, at + prefix, stop, bits, facts)
        if suffix:
            suffixes -= 1
            _emit(codes, stop - suffix, stop, tokens, suffixes)
            stop -= suffix
            lengths = _special(codes, at, stop, facts, sieve)
            if lengths:
                # The prefix stays with the special case.
                n -= prefix > 0
                break
        if not prefix and not suffix:
            break
        at += prefix
        if prefix and suffix:
            lengths = _special(codes, at, stop, facts, sieve)
    if lengths:
        n = _emit_special(codes, at, lengths, tokens, n)
    elif at < stop:
        n = _middle(codes, at, stop, bits, tokens, n)
    for i in range(suffixes, top):
        tokens[n, 0] = tokens[i, 0]
        tokens[n, 1] = tokens[i, 1]
        tokens[n, 2] = tokens[i, 2]
        n += 1
    return n


@helper
def _middle(codes, at, stop, bits, tokens, n):  # type: ignore[no-untyped-def]
    """What is left between the affixes: an address, or tokens between and at the infixes (none at the very start)."""
    seen = np.uint32(0)
    for i in range(at, stop):
        seen |= bits[codes[i]]
    if not seen & SPLITS or (has_host_dot(codes, at, stop, bits) and is_url(codes, at, stop, bits)):
        return _emit(codes, at, stop, tokens, n)
    start = at
    i = at
    while i < stop:
        length = infix_length(codes, at, i, stop, bits) if bits[codes[i]] & SPLITS else 0
        if length == 0:
            i += 1
            continue
        if i > at:
            if i > start:
                n = _emit(codes, start, i, tokens, n)
            n = _emit(codes, i, i + length, tokens, n)
            start = i + length
        i += length
    if start < stop:
        n = _emit(codes, start, stop, tokens, n)
    return n


@helper
def _adjacent_specials(codes, facts, sieve, tokens, n, start, size):  # type: ignore[no-untyped-def]
    """Find where adjacent tokens spell the tokens of a special case; returns how many, writes those there is room for.

    One space between two tokens still makes them adjacent, other white space does not.
    """
    found = 0
    here = FOLLOWS
    for i in range(n - 1):
        opens = here & OPENS
        here = sieve[np.uint64(tokens[i + 1, 2]) % np.uint64(SIEVE)]
        if (i > 0 and not opens) or not here & FOLLOWS:
            continue
        reached = find(facts, trie_key(ROOT, np.uint64(tokens[i, 2])))
        j = i + 1
        while reached and j < n:
            gap = tokens[j, 0] - tokens[j - 1, 1]
            if gap > 1 or (gap == 1 and codes[tokens[j - 1, 1]] != 32):
                break
            reached = find(facts, trie_key(reached >> np.uint64(1), np.uint64(tokens[j, 2])))
            j += 1
            if reached & np.uint64(1):
                if found < len(start):
                    start[found] = i
                    size[found] = j - i
                found += 1
    return found


@njit(cache=True)
def _choose(n: int, start: Offsets, size: Offsets, matches: int) -> None:
    """Settle overlaps by setting the size of what is left out to 0: longest first, then leftmost.

    One is left out when its first or last token belongs to one that came before, even to one that was itself left out.
    """
    taken = np.zeros(n, dtype=np.bool_)
    for length in range(LONGEST_SPECIAL, 0, -1):
        for match in range(matches):
            if size[match] == length:
                begin = start[match]
                if taken[begin] or taken[begin + length - 1]:
                    size[match] = 0
                for i in range(begin, begin + length):
                    taken[i] = True


@helper
def _append(codes, facts, tokens, n, start, size, matches, begin, end, ids, used):  # type: ignore[no-untyped-def]
    """Write a document's tokens, with the chosen special cases in place of theirs; returns how many words stand then.

    One with a space inside changes nothing (but has hidden others).
    """
    i = 0
    for match in range(matches + 1):
        chosen = match < matches and size[match] > 0
        if match < matches and not chosen:
            continue
        stop = start[match] if chosen else n
        while i < stop:
            begin[used] = tokens[i, 0]
            end[used] = tokens[i, 1]
            ids[used] = np.uint64(tokens[i, 2])
            used += 1
            i += 1
        if chosen:
            at = tokens[i, 0]
            lengths = find(facts, span_id(codes, at, tokens[i + size[match] - 1, 1]))
            i += size[match] if lengths else 0
            while lengths:
                begin[used] = at
                at += np.int64(lengths & np.uint64((1 << LENGTH_BITS) - 1))
                end[used] = at
                ids[used] = span_id(codes, begin[used], at)
                used += 1
                lengths >>= np.uint64(LENGTH_BITS)
    return used
