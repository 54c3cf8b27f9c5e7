"""Repeated n-grams of one document's words, found level by level.

An n-gram repeats only where the (n-1)-grams at its two ends repeat, so each level looks at the positions that survived
the level before: all words once, then quickly fewer. Equal (n-1)-grams share a number, and an n-gram is the pair of the
numbers of its two ends, which makes every level exact given the 64-bit word ids.
"""

import numpy as np

from curate.measures.hashtable import EMPTY, home, table_bits
from curate.measures.kernels import U
from curate.segment.kernels import helper

_PAIR = np.uint64(0xFF51AFD7ED558CCD)


@helper
def repeated_words(ids, low, high, keys, slots, positions, groups, counts, firsts):  # type: ignore[no-untyped-def]
    """Level 1 for the words `low:high`: positions (from 0) of the words that occur at least twice, and their groups.

    Groups are numbered by first occurrence. Returns (survivors, groups, distinct words); `positions` and `groups` hold
    the survivors in ascending order, `counts` and `firsts` the copies and the first position of each group.
    """
    bits = table_bits(high - low)
    mask = U((1 << bits) - 1)
    slots[: 1 << bits] = EMPTY
    distinct = np.int32(0)
    for i in range(U(high - low)):
        key = ids[U(low) + i]
        at = home(key, bits)
        while (slots[at] != EMPTY) & (keys[at] != key):
            at = (at + U(1)) & mask
        new = slots[at] == EMPTY
        group = distinct if new else slots[at]
        keys[at] = key
        slots[at] = group
        counts[U(group)] = 1 if new else counts[U(group)] + 1
        firsts[U(group)] = np.int32(i) if new else firsts[U(group)]
        distinct += np.int32(new)
        positions[i] = i
        groups[i] = group
    survivors, kept = _keep_repeated(positions, groups, counts, firsts, high - low, distinct, slots)
    return survivors, kept, distinct


@helper
def repeated_pairs(ids, low, high, keys, slots, positions, groups, counts, firsts):  # type: ignore[no-untyped-def]
    """Level 2 at once, for readings that do not ask for single words; a pair is one hash of its two ids."""
    bits = table_bits(high - low)
    mask = U((1 << bits) - 1)
    slots[: 1 << bits] = EMPTY
    distinct = np.int32(0)
    for i in range(U(max(0, high - low - 1))):
        key = ids[U(low) + i] * _PAIR + ids[U(low) + i + U(1)]
        at = home(key, bits)
        while (slots[at] != EMPTY) & (keys[at] != key):
            at = (at + U(1)) & mask
        new = slots[at] == EMPTY
        group = distinct if new else slots[at]
        keys[at] = key
        slots[at] = group
        counts[U(group)] = 1 if new else counts[U(group)] + 1
        firsts[U(group)] = np.int32(i) if new else firsts[U(group)]
        distinct += np.int32(new)
        positions[i] = i
        groups[i] = group
    return _keep_repeated(positions, groups, counts, firsts, max(0, high - low - 1), distinct, slots)


@helper
def longer_grams(keys, slots, positions, groups, counts, firsts, survivors):  # type: ignore[no-untyped-def]
    """One level up, in place: from repeated n-grams to repeated (n+1)-grams. Returns (survivors, groups)."""
    bits = table_bits(survivors)
    mask = U((1 << bits) - 1)
    slots[: 1 << bits] = EMPTY
    distinct = np.int32(0)
    pairs = 0
    for k in range(U(max(0, survivors - 1))):
        if positions[k + U(1)] != positions[k] + 1:
            continue
        key = (U(groups[k]) << U(32)) | U(groups[k + U(1)])
        at = home(key, bits)
        while (slots[at] != EMPTY) & (keys[at] != key):
            at = (at + U(1)) & mask
        new = slots[at] == EMPTY
        group = distinct if new else slots[at]
        keys[at] = key
        slots[at] = group
        counts[U(group)] = 1 if new else counts[U(group)] + 1
        firsts[U(group)] = positions[k] if new else firsts[U(group)]
        distinct += np.int32(new)
        positions[U(pairs)] = positions[k]
        groups[U(pairs)] = group
        pairs += 1
    return _keep_repeated(positions, groups, counts, firsts, pairs, distinct, slots)


@helper
def _keep_repeated(positions, groups, counts, firsts, entries, distinct, renumbered):  # type: ignore[no-untyped-def]
    """Drop what occurs once and number the rest anew, by first occurrence; `renumbered` is scratch."""
    kept = np.int32(0)
    for group in range(U(distinct)):
        again = counts[group] > 1
        counts[U(kept)] = counts[group]
        firsts[U(kept)] = firsts[group]
        renumbered[group] = kept if again else EMPTY
        kept += np.int32(again)
    survivors = 0
    for k in range(U(entries)):
        group = renumbered[U(groups[k])]
        positions[U(survivors)] = positions[k]
        groups[U(survivors)] = group
        survivors += group != EMPTY
    return survivors, kept


@helper
def covered(positions, groups, survivors, only, skip_first, firsts, n, length):  # type: ignore[no-untyped-def]
    """Length of the words inside repeated n-grams, each word once.

    `only` restricts to one group (-1: all of them), `skip_first` leaves out the first copy of each; `length` is the
    cumulated length of the words, [words + 1].
    """
    total = np.int64(0)
    until = np.int64(0)
    for k in range(U(survivors)):
        group = groups[k]
        if (only >= 0 and group != only) or (skip_first and firsts[U(group)] == positions[k]):
            continue
        begin = max(until, np.int64(positions[k]))
        until = np.int64(positions[k]) + n
        total += length[U(until)] - length[U(begin)]
    return total


@helper
def most_frequent(counts, firsts, kept, n, length):  # type: ignore[no-untyped-def]
    """The group with most copies, among equals the longest, among those the first seen; -1 where nothing repeats."""
    best = -1
    best_length = np.int64(-1)
    for group in range(kept):
        size = length[firsts[group] + n] - length[firsts[group]]
        if best < 0 or counts[group] > counts[best] or (counts[group] == counts[best] and size > best_length):
            best = group
            best_length = size
    return best
