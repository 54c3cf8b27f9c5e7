"""The kernels of repeated stretches: winnowing, the comparison of what has one fingerprint, and spans made one.

Winnowing is that of Schleimer, Wilkerson and Aiken (SIGMOD 2003): of the grams of each window the one of the smallest
hash is selected, the last of equals. So a window selects by its own text alone, and equal windows, wherever they stand,
meet under one fingerprint at one distance from it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment.hashing import GOLDEN
from curate.segment.kernels import helper, longer

_BASE = np.uint64(0xD1342543DE82EF95)  # odd: the multiplier of a polynomial modulo 2^64
_GOLDEN = np.uint64(GOLDEN)
_SLOTS = 1 << 21
_OWNERS = 1 << 16
_CODES = 1 << 22


class Owners(NamedTuple):
    """What is known of the fingerprint at hand: the windows seen so far, and the text around those who own one."""

    key: NDArray[np.uint64]  # [slots] hash of a window and of its distance from the fingerprint
    stamp: NDArray[np.uint32]  # [slots] of the fingerprint that filled the slot
    by: NDArray[np.int32]  # [slots] number of the owner
    doc: NDArray[np.uint64]  # [owners]
    rank: NDArray[np.uint64]  # [owners]
    begin: NDArray[np.int64]  # [owners] where in `codes` the fingerprint stands
    codes: NDArray[np.uint32]
    used: NDArray[np.int64]  # stamp, owners, codes, filled slots, windows that found no room


def owners() -> Owners:
    """Room for a million windows of one fingerprint (51 MB)."""
    return Owners(
        key=np.zeros(_SLOTS, np.uint64),
        stamp=np.zeros(_SLOTS, np.uint32),
        by=np.zeros(_SLOTS, np.int32),
        doc=np.zeros(_OWNERS, np.uint64),
        rank=np.zeros(_OWNERS, np.uint64),
        begin=np.zeros(_OWNERS, np.int64),
        codes=np.zeros(_CODES, np.uint32),
        used=np.zeros(5, np.int64),
    )


@helper
def _mixed(value):  # type: ignore[no-untyped-def]
    """The closing rounds of SplitMix64: the order of fingerprints must not follow the text."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@helper
def _power(exponent):  # type: ignore[no-untyped-def]
    out = np.uint64(1)
    for _ in range(exponent):
        out *= _BASE
    return out


@njit(cache=True)
def fingerprints(codes, first, gram, window):  # type: ignore[no-untyped-def]
    """The selected grams of every document that has a window of `window` grams.

    Returns document, fingerprint, its offset in the document, and the offsets of the first and the last window that
    select it (windows begin where their first gram does).
    """
    out = np.empty((1024, 4), dtype=np.int64)
    keys = np.empty(1024, dtype=np.uint64)
    n = 0
    room = 1
    while room < window:
        room *= 2
    wrap = room - 1
    values = np.empty(room, dtype=np.uint64)  # a queue of candidates, in rising order
    places = np.empty(room, dtype=np.int64)
    top = _power(gram - 1)
    for d in range(len(first) - 1):
        start = first[d]
        grams = first[d + 1] - start - gram + 1
        if grams < window:
            continue
        head = 0
        held = 0
        rolling = np.uint64(0)
        for at in range(start, start + gram - 1):
            rolling = rolling * _BASE + np.uint64(codes[at])
        selected = -1
        for at in range(grams):
            rolling = rolling * _BASE + np.uint64(codes[start + at + gram - 1])
            value = _mixed(rolling)
            rolling -= np.uint64(codes[start + at]) * top
            while held and values[(head + held - 1) & wrap] >= value:
                held -= 1
            if held and places[head] <= at - window:
                head = (head + 1) & wrap
                held -= 1
            values[(head + held) & wrap] = value
            places[(head + held) & wrap] = at
            held += 1
            if at < window - 1:
                continue
            if places[head] != selected:
                selected = places[head]
                if n == len(keys):
                    keys = longer(keys)
                    wider = np.empty((2 * n, 4), dtype=np.int64)
                    wider[:n] = out
                    out = wider
                keys[n] = values[head]
                out[n, 0] = d
                out[n, 1] = selected
                out[n, 2] = at - window + 1
                n += 1
            out[n - 1, 3] = at - window + 1
    return out[:n, 0].copy(), keys[:n].copy(), out[:n, 1].copy(), out[:n, 2].copy(), out[:n, 3].copy()


@njit(cache=True)
def match(opens, total, doc, rank, at, begin, last, codes, where, length, known):  # type: ignore[no-untyped-def]
    """Find the windows that a document of lower rank has too.

    One entry per fingerprint, those of one key together, in rank order: `opens` tells where a key begins, `total` the
    windows of all its entries. An entry's fingerprint is at `at`; the windows that select it begin from `begin` to
    `last`, and `codes[where[i]:where[i + 1]]` is their text. Windows are `length` long. `known` goes on from call to
    call, where the entries of one key come in several calls. Returns stretches: entry, begin, end, document of the
    owner; each was compared with the owner's text, code point by code point.
    """
    out = np.empty((256, 3), dtype=np.int64)
    owner = np.empty(256, dtype=np.uint64)
    n = 0
    used = known.used
    top = _power(length - 1)
    for i in range(len(doc)):
        if opens[i]:
            used[0] += 1
            used[1:4] = 0
        stamp = np.uint32(used[0])
        slots = 1024
        while slots < 2 * total[i] and slots < len(known.key):
            slots *= 2
        mask = np.uint64(slots - 1)
        text = codes[where[i] : where[i + 1]]
        own = -1  # number of this entry as an owner
        run = -1  # owner of the stretch that the last window ended
        rolling = np.uint64(0)
        for k in range(length - 1):
            rolling = rolling * _BASE + np.uint64(text[k])
        for start in range(last[i] - begin[i] + 1):
            rolling = rolling * _BASE + np.uint64(text[start + length - 1])
            distance = at[i] - begin[i] - start  # of the fingerprint from the window's begin
            key = _mixed(rolling ^ (np.uint64(distance + 1) * _GOLDEN))
            rolling -= np.uint64(text[start]) * top
            slot = key & mask
            while known.stamp[slot] == stamp and known.key[slot] != key:
                slot = (slot + np.uint64(1)) & mask
            by = -1
            if known.stamp[slot] == stamp:
                by = known.by[slot]
                there = known.begin[by] - distance
                if known.rank[by] == rank[i] or not _same(text, start, known.codes, there, length, by == run):
                    by = -1
            elif 2 * used[3] >= slots or (own < 0 and _full(known, len(text))):
                used[4] += 1
            else:
                if own < 0:
                    own = used[1]
                    known.doc[own] = doc[i]
                    known.rank[own] = rank[i]
                    known.begin[own] = used[2] + at[i] - begin[i]
                    known.codes[used[2] : used[2] + len(text)] = text
                    used[1] += 1
                    used[2] += len(text)
                known.stamp[slot] = stamp
                known.key[slot] = key
                known.by[slot] = own
                used[3] += 1
            if by >= 0 and by != run:
                if n == len(owner):
                    owner = longer(owner)
                    wider = np.empty((2 * n, 3), dtype=np.int64)
                    wider[:n] = out
                    out = wider
                owner[n] = known.doc[by]
                out[n, 0] = i
                out[n, 1] = begin[i] + start
                n += 1
            if by >= 0:
                out[n - 1, 2] = begin[i] + start + length
            run = by
    return out[:n, 0].copy(), out[:n, 1].copy(), out[:n, 2].copy(), owner[:n].copy()


@njit(cache=True)
def _full(known, more):  # type: ignore[no-untyped-def]
    return known.used[1] == len(known.doc) or known.used[2] + more > len(known.codes)


@helper
def _same(left, i, right, j, length, begun):  # type: ignore[no-untyped-def]
    """Whether two windows are equal; of a stretch that has `begun`, only the last code point is new."""
    k = length - 1 if begun else 0
    while k < length:
        if left[i + k] != right[j + k]:
            return False
        k += 1
    return True


@njit(cache=True)
def merged(doc, begin, end, owner, kind):  # type: ignore[no-untyped-def]
    """Overlapping and touching stretches of each document made one, from rows sorted by (doc, begin, end, kind).

    Each names the owner of its longest part and that part's kind; stretches of one owner that follow one another with
    an overlap are one part.
    """
    out = np.empty((len(doc), 2), dtype=np.int64)
    docs = np.empty(len(doc), dtype=np.uint64)
    owners_ = np.empty(len(doc), dtype=np.uint64)
    kinds = np.empty(len(doc), dtype=np.uint8)
    n = 0
    longest = np.int64(0)
    part = np.zeros((2, 2), dtype=np.int64)  # of each kind: the part that is growing
    part_owner = np.zeros(2, dtype=np.uint64)
    for i in range(len(doc)):
        if n == 0 or docs[n - 1] != doc[i] or begin[i] > out[n - 1, 1]:
            docs[n] = doc[i]
            out[n, 0] = begin[i]
            out[n, 1] = end[i]
            n += 1
            longest = np.int64(0)
            part[:] = -1
        out[n - 1, 1] = max(out[n - 1, 1], end[i])
        of = kind[i]
        if part[of, 0] >= 0 and part_owner[of] == owner[i] and begin[i] < part[of, 1]:
            part[of, 1] = max(part[of, 1], end[i])
        else:
            part[of, 0] = begin[i]
            part[of, 1] = end[i]
            part_owner[of] = owner[i]
        if part[of, 1] - part[of, 0] > longest:
            longest = part[of, 1] - part[of, 0]
            owners_[n - 1] = owner[i]
            kinds[n - 1] = of
    return docs[:n].copy(), out[:n, 0].copy(), out[:n, 1].copy(), owners_[:n].copy(), kinds[:n].copy()
