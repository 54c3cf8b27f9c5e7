"""Words exactly as spaCy 3.8's blank English tokenizer splits them, without its white-space tokens.

That is what datatrove 0.10 calls words. The algorithm, per chunk between white space: a special case stands as it is;
otherwise prefixes and suffixes are taken off in turn until none is left or a special case remains; what remains is a
special case, an address, or is split at infixes. At the end, special cases whose characters lie in several adjacent
tokens are put together again, longest first. A suffix search of spaCy reads the whole rest of the chunk; here it looks
at the last characters only, which finds the same suffix because every rule is anchored at the end.

Known difference: spaCy fails on the token `IS_ALPHA` (a name it keeps for itself), datatrove then deletes these letters
from the text; here it is a word like any other. Lone surrogates, on which spaCy fails too, are ordinary characters.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.hashing import find, span_id
from curate.segment.kernels import helper
from curate.segment.spacy_rules import (
    ACTIVE,
    AFTER_DIGIT,
    AFTER_INNER_DOT,
    BEFORE_INNER_DOT,
    BEFORE_LAST_DOT,
    CAPITAL,
    DECIMAL,
    DIGIT,
    DOMAIN_END,
    FOLLOWS,
    INFIX,
    LENGTH_BITS,
    LETTER,
    LONGEST_UNIT,
    OPENS,
    PREFIX,
    ROOT,
    SIEVE,
    SPACE,
    SPECIAL,
    SPLITS,
    SUFFIX,
    UNIT_LAST,
    UNIT_SALT,
    rules,
    shape,
    trie_key,
)
from curate.segment.spacy_url import is_url
from curate.segment.types import Codes, Ids, Offsets, Text, Words

DOT, PLUS, HYPHEN, DOLLAR, ELLIPSIS = 46, 43, 45, 36, 0x2026
APOSTROPHE, RIGHT_QUOTE, LETTER_S, CAPITAL_S = 39, 0x2019, 115, 83
EN_DASH, EM_DASH, TILDE = 0x2013, 0x2014, 126
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
    for d in range(docs):
        at, n, need = _document(codes, first[d], first[d + 1], bits, facts, sieve, tokens, np.int64(0))
        while need:
            tokens = _grown(tokens, n, need)
            at, n, need = _document(codes, at, first[d + 1], bits, facts, sieve, tokens, n)
        matches = _adjacent_specials(codes, facts, sieve, tokens, n, of[:0], of[:0])
        if matches:
            start = np.empty(matches, dtype=np.int64)
            length = np.empty(matches, dtype=np.int64)
            _adjacent_specials(codes, facts, sieve, tokens, n, start, length)
            if n + matches * ROOM_FOR_SPECIAL > len(tokens):
                tokens = _grown(tokens, n, matches * ROOM_FOR_SPECIAL)
            n = _join_specials(codes, facts, tokens, n, start, length)
        used = of[d]
        if used + n > len(begin):
            begin, end, ids = _longer(begin, used, n), _longer(end, used, n), _longer(ids, used, n)
        _append(tokens, n, begin, end, ids, used)
        of[d + 1] = used + n
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


@helper
def _append(tokens, n, begin, end, ids, used):  # type: ignore[no-untyped-def]
    for i in range(n):
        begin[used + i] = tokens[i, 0]
        end[used + i] = tokens[i, 1]
        ids[used + i] = np.uint64(tokens[i, 2])


@njit(cache=True)
def _longer(array, used, more):  # type: ignore[no-untyped-def]
    """A copy with room for more."""
    out = np.empty(max(2 * len(array), used + more), dtype=array.dtype)
    for i in range(used):
        out[i] = array[i]
    return out


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
    if stop <= at or not sieve[shape(codes[at], codes[stop - 1], stop - at)] & SPECIAL:
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
        prefix = 1 if bits[codes[at]] & PREFIX else _long_prefix(codes, at, stop, bits)
        if prefix:
            n = _emit(codes, at, at + prefix, tokens, n)
            lengths = _special(codes, at + prefix, stop, facts, sieve)
            if lengths:
                at += prefix
                break
        suffix = _suffix(codes, at + prefix, stop, bits, facts)
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
def _long_prefix(codes, at, stop, bits):  # type: ignore[no-untyped-def]
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
def _suffix(codes, at, stop, bits, facts):  # type: ignore[no-untyped-def]
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
def _middle(codes, at, stop, bits, tokens, n):  # type: ignore[no-untyped-def]
    """What is left between the affixes: an address, or tokens between and at the infixes (none at the very start)."""
    seen = np.uint32(0)
    dot = False
    for i in range(at, stop):
        seen |= bits[codes[i]]
        dot |= codes[i] == DOT and i + 1 < stop and bits[codes[i + 1]] & (DOMAIN_END | DECIMAL) != 0
    if not seen & SPLITS or (dot and is_url(codes, at, stop, bits)):
        return _emit(codes, at, stop, tokens, n)
    start = at
    i = at
    while i < stop:
        length = _infix(codes, at, i, stop, bits) if bits[codes[i]] & SPLITS else 0
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
def _infix(codes, at, i, stop, bits):  # type: ignore[no-untyped-def]
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
def _adjacent_specials(codes, facts, sieve, tokens, n, start, length):  # type: ignore[no-untyped-def]
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
                    length[found] = j - i
                found += 1
    return found


@njit(cache=True)
def _join_specials(codes, facts, tokens, old_n, start, length):  # type: ignore[no-untyped-def]
    """Put the found special cases in place of their tokens; returns the new number of tokens.

    Longest first, then leftmost; one is left out when its first or last token belongs to one that came before, even to
    one that was itself left out. One with a space inside changes nothing but still hides others.
    """
    taken = np.zeros(old_n, dtype=np.bool_)
    chosen = np.zeros(old_n, dtype=np.int64)
    for size in range(length.max(), 0, -1):
        for match in range(len(start)):
            if length[match] == size:
                a = start[match]
                if not taken[a] and not taken[a + size - 1]:
                    chosen[a] = size
                for i in range(a, a + size):
                    taken[i] = True
    old = np.empty((old_n, 3), dtype=np.int64)
    for i in range(old_n):
        _put(tokens[i, 0], tokens[i, 1], tokens[i, 2], old, i)
    n = 0
    i = 0
    while i < old_n:
        lengths = np.uint64(0)
        if chosen[i]:
            lengths = find(facts, span_id(codes, old[i, 0], old[i + chosen[i] - 1, 1]))
        if lengths:
            n = _emit_special(codes, old[i, 0], lengths, tokens, n)
            i += chosen[i]
        else:
            n = _put(old[i, 0], old[i, 1], old[i, 2], tokens, n)
            i += 1
    return n
