"""Words exactly as spaCy 3.8's blank English tokenizer splits them, without its white-space tokens.

That is what datatrove 0.10 calls words. The algorithm, per chunk between white space: a special case stands as it is;
otherwise prefixes and suffixes are taken off in turn until none is left or a special case remains; what remains is a
special case, an address, or is split at infixes. At the end, special cases whose characters lie in several adjacent
tokens are put together again, longest first. A suffix search of spaCy reads the whole rest of the chunk; here it looks at
the last characters only, which finds the same suffix because every rule is anchored at the end.

Known difference: spaCy fails on the token `IS_ALPHA` (a name it keeps for itself), datatrove then deletes these letters
from the text; here it is a word like any other. Lone surrogates, on which spaCy fails too, are ordinary characters.
"""

import numpy as np
from numba import njit

from curate.segment.hashing import span_id
from curate.segment.spacy_rules import (
    ACTIVE,
    AFTER_DIGIT,
    AFTER_INNER_DOT,
    BEFORE_INNER_DOT,
    BEFORE_LAST_DOT,
    CAPITAL,
    DIGIT,
    INFIX,
    LETTER,
    PREFIX,
    ROOT,
    SPACE,
    SUFFIX,
    UNIT_LAST,
    Rules,
    find,
    rules,
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
    return Words(*_tokenize(text.codes, text.first, rules()))


@njit(cache=True)
def _tokenize(codes: Codes, first: Offsets, rules: Rules) -> tuple[Offsets, Offsets, Offsets, Ids]:
    docs = len(first) - 1
    bits = rules.bits
    room = len(codes) // 4 + 64
    begin = np.empty(room, dtype=np.int64)
    end = np.empty(room, dtype=np.int64)
    ids = np.empty(room, dtype=np.uint64)
    of = np.zeros(docs + 1, dtype=np.int64)
    n = 0
    for d in range(docs):
        at = first[d]
        doc_end = first[d + 1]
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
            if n + need > room:
                room = max(2 * room, n + need)
                begin, end, ids = _grown(begin, n, room), _grown(end, n, room), _grown(ids, n, room)
            if plain:
                n = _whole_or_special(codes, at, stop, rules, begin, end, ids, n)
            else:
                n = _chunk(codes, at, stop, rules, begin, end, ids, n)
            at = stop
        matches = _adjacent_specials(codes, rules, begin, end, ids, of[d], n, begin[:0], begin[:0])
        if matches:
            start = np.empty(matches, dtype=np.int64)
            length = np.empty(matches, dtype=np.int64)
            _adjacent_specials(codes, rules, begin, end, ids, of[d], n, start, length)
            if n + matches * ROOM_FOR_SPECIAL > room:
                room = n + matches * ROOM_FOR_SPECIAL
                begin, end, ids = _grown(begin, n, room), _grown(end, n, room), _grown(ids, n, room)
            n = _join_specials(codes, rules, begin, end, ids, of[d], n, start, length)
        of[d + 1] = n
    return begin[:n].copy(), end[:n].copy(), of, ids[:n].copy()


@njit(cache=True)
def _grown(array, used, room):  # type: ignore[no-untyped-def]
    """A larger copy."""
    out = np.empty(room, dtype=array.dtype)
    out[:used] = array[:used]
    return out


@njit(cache=True, inline="always")
def _emit(codes, at, stop, begin, end, ids, n):  # type: ignore[no-untyped-def]
    begin[n] = at
    end[n] = stop
    ids[n] = span_id(codes, at, stop)
    return n + 1


@njit(cache=True)
def _special(codes, at, stop, rules):  # type: ignore[no-untyped-def]
    """Row of the special case that this span is, or -1."""
    if stop - at > rules.longest_special or stop <= at:
        return -1
    slot = find(rules.special_keys, span_id(codes, at, stop))
    return rules.special_rows[slot] if slot >= 0 else -1


@njit(cache=True)
def _emit_special(codes, at, row, rules, begin, end, ids, n):  # type: ignore[no-untyped-def]
    """The tokens of a special case that starts at `at`."""
    for length in rules.pieces[row]:
        if length == 0:
            break
        n = _emit(codes, at, at + length, begin, end, ids, n)
        at += length
    return n


@njit(cache=True)
def _whole_or_special(codes, at, stop, rules, begin, end, ids, n):  # type: ignore[no-untyped-def]
    """A chunk that no affix rule can touch."""
    key = span_id(codes, at, stop)
    if stop - at <= rules.longest_special:
        slot = find(rules.special_keys, key)
        if slot >= 0:
            return _emit_special(codes, at, rules.special_rows[slot], rules, begin, end, ids, n)
    begin[n] = at
    end[n] = stop
    ids[n] = key
    return n + 1


@njit(cache=True)
def _chunk(codes, at, stop, rules, begin, end, ids, n):  # type: ignore[no-untyped-def]
    """Any other chunk. Suffixes are kept at the far end of its room in the output until the middle is written."""
    suffixes = n + max(ROOM_FOR_SPECIAL, stop - at)
    top = suffixes
    row = np.int64(-1)
    while at < stop:
        row = _special(codes, at, stop, rules)
        if row >= 0:
            break
        prefix = _prefix(codes, at, stop, rules)
        if prefix:
            row = _special(codes, at + prefix, stop, rules)
            if row >= 0:
                n = _emit(codes, at, at + prefix, begin, end, ids, n)
                at += prefix
                break
        suffix = _suffix(codes, at + prefix, stop, rules)
        if suffix:
            suffixes -= 1
            _emit(codes, stop - suffix, stop, begin, end, ids, suffixes)
            row = _special(codes, at, stop - suffix, rules)
            stop -= suffix
            if row >= 0:
                break
        if prefix:
            n = _emit(codes, at, at + prefix, begin, end, ids, n)
            at += prefix
        if not prefix and not suffix:
            break
    if at < stop:
        if row >= 0:
            n = _emit_special(codes, at, row, rules, begin, end, ids, n)
        elif is_url(codes, at, stop, rules.bits):
            n = _emit(codes, at, stop, begin, end, ids, n)
        else:
            n = _split_infixes(codes, at, stop, rules.bits, begin, end, ids, n)
    for i in range(suffixes, top):
        begin[n] = begin[i]
        end[n] = end[i]
        ids[n] = ids[i]
        n += 1
    return n


@njit(cache=True)
def _prefix(codes, at, stop, rules):  # type: ignore[no-untyped-def]
    """Length of the prefix of a chunk, 0 for none."""
    code = codes[at]
    if rules.bits[code] & PREFIX:
        return 1
    if code == DOT:
        run = 1
        while at + run < stop and codes[at + run] == DOT:
            run += 1
        return run if run > 1 else 0
    if code == PLUS:
        return 0 if at + 1 < stop and rules.bits[codes[at + 1]] & DIGIT else 1
    return _dollar(codes, at, stop)


@njit(cache=True)
def _dollar(codes, at, stop):  # type: ignore[no-untyped-def]
    """Length of "US$", "C$" or "A$" at the front, 0 for none."""
    if stop - at >= 3 and codes[at] == 85 and codes[at + 1] == 83 and codes[at + 2] == DOLLAR:
        return 3
    return 2 if stop - at >= 2 and (codes[at] == 65 or codes[at] == 67) and codes[at + 1] == DOLLAR else 0


@njit(cache=True)
def _suffix(codes, at, stop, rules):  # type: ignore[no-untyped-def]
    """Length of the suffix of `codes[at:stop]`, 0 for none: the longest that any rule gives."""
    if at >= stop:
        return 0
    bits = rules.bits
    last = codes[stop - 1]
    here = bits[last]
    if here & UNIT_LAST or last == DOLLAR:
        # A unit or currency counts after a digit only and holds none, so there is one candidate: all after the last digit.
        digit = stop - 2
        while digit >= at and stop - 1 - digit <= rules.longest_unit and not bits[codes[digit]] & DIGIT:
            digit -= 1
        length = stop - 1 - digit
        if digit >= at and length <= rules.longest_unit:
            if here & UNIT_LAST and find(rules.unit_keys, span_id(codes, digit + 1, stop)) >= 0:
                return length
            if last == DOLLAR and _dollar(codes, digit + 1, stop) == length:
                return length
    if last == DOT:
        return _last_dot(codes, at, stop, bits)
    if stop - at >= 2:
        before = codes[stop - 2]
        if last == ELLIPSIS and before == ELLIPSIS:
            return 2
        if (last == LETTER_S or last == CAPITAL_S) and (before == APOSTROPHE or before == RIGHT_QUOTE):
            return 2
        if here & AFTER_DIGIT and bits[before] & DIGIT:
            return 1
    return 1 if here & SUFFIX else 0


@njit(cache=True)
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


@njit(cache=True)
def _split_infixes(codes, at, stop, bits, begin, end, ids, n):  # type: ignore[no-untyped-def]
    """Tokens between and at the infixes; an infix at the very start is no split."""
    start = at
    i = at
    while i < stop:
        length = _infix(codes, at, i, stop, bits) if bits[codes[i]] & ACTIVE else 0
        if length == 0:
            i += 1
            continue
        if i > at:
            if i > start:
                n = _emit(codes, start, i, begin, end, ids, n)
            n = _emit(codes, i, i + length, begin, end, ids, n)
            start = i + length
        i += length
    if start < stop:
        n = _emit(codes, start, stop, begin, end, ids, n)
    return n


@njit(cache=True)
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
    arithmetic = code == PLUS or code == HYPHEN or code == 42 or code == 94
    if arithmetic and before & DIGIT and (after & DIGIT or codes[i + 1] == HYPHEN):
        return 1
    if not before & (LETTER | DIGIT):
        return 0
    if code == 58 or code == 60 or code == 61 or code == 62 or code == 47:
        return 1 if after & LETTER else 0
    if code == HYPHEN or code == EM_DASH or code == EN_DASH or code == TILDE:
        longest = 3 if code == HYPHEN else (2 if code == EM_DASH else 1)
        length = 1
        while length < longest and i + length < stop and codes[i + length] == code:
            length += 1
        return length if i + length < stop and bits[codes[i + length]] & LETTER else 0
    return 0


@njit(cache=True)
def _adjacent_specials(codes, rules, begin, end, ids, low, high, start, length):  # type: ignore[no-untyped-def]
    """Find where adjacent tokens spell the tokens of a special case; returns how many, writes those there is room for.

    One space between two tokens still makes them adjacent, other white space does not.
    """
    found = 0
    for i in range(low, high):
        node = ROOT
        j = i
        while j < high:
            if j > i:
                gap = begin[j] - end[j - 1]
                if gap > 1 or (gap == 1 and codes[end[j - 1]] != 32):
                    break
            slot = find(rules.trie_keys, trie_key(node, ids[j]))
            if slot < 0:
                break
            node = rules.trie_next[slot]
            j += 1
            if rules.trie_ends[node]:
                if found < len(start):
                    start[found] = i
                    length[found] = j - i
                found += 1
    return found


@njit(cache=True)
def _join_specials(codes, rules, begin, end, ids, low, high, start, length):  # type: ignore[no-untyped-def]
    """Put the found special cases in place of their tokens; returns the new number of tokens.

    Longest first, then leftmost; one is left out when its first or last token belongs to one that came before, even to
    one that was itself left out. One with a space inside changes nothing but still hides others.
    """
    taken = np.zeros(high - low, dtype=np.bool_)
    chosen = np.full(high - low, -1, dtype=np.int64)
    for size in range(length.max(), 0, -1):
        for match in range(len(start)):
            if length[match] != size:
                continue
            a = start[match] - low
            if not taken[a] and not taken[a + size - 1]:
                chosen[a] = match
            taken[a : a + size] = True
    old_begin = begin[low:high].copy()
    old_end = end[low:high].copy()
    old_ids = ids[low:high].copy()
    n = low
    i = 0
    while i < high - low:
        match = chosen[i]
        row = -1
        if match >= 0:
            row = _special(codes, old_begin[i], old_end[i + length[match] - 1], rules)
        if row >= 0:
            n = _emit_special(codes, old_begin[i], row, rules, begin, end, ids, n)
            i += length[match]
        else:
            begin[n] = old_begin[i]
            end[n] = old_end[i]
            ids[n] = old_ids[i]
            n += 1
            i += 1
    return n
