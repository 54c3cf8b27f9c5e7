"""Our own rule: weighted n-grams nominate a place of the document, local alignment says what of the item is there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.contamination.match_index import Index
from curate.contamination.match_runs import places
from curate.contamination.match_scan import Seen
from curate.contamination.match_tokens import NUMBER
from curate.contamination.match_weights import Weights
from curate.segment.kernels import helper
from curate.segment.types import Ids, Offsets

# A place is looked at when n-grams with this share of the part's weight stand close together there.
NOMINATE = 0.15
# N-grams of more places than this nominate nothing: they are templates of a benchmark, and weigh little.
MOST_PLACES = 200
# Relative to a token that only this item has: what an exchanged, a left out and an added word cost on the way.
_EXCHANGED, _SKIPPED, _ADDED = 0.4, 0.2, 0.2
# Tokens within this factor of the part's largest weight are its own: where fewer of them than needed are there, the
# rest counts less. So it is with its numbers: a problem with other numbers is another problem.
_OWN, _OWN_NEEDED, _OWN_LEAST = 0.85, 0.65, 3.0
_NUMBERS_NEEDED, _NUMBERS_LEAST = 0.5, 2


class Windows(NamedTuple):
    """Stretches of documents to be aligned with a part."""

    doc: NDArray[np.int64]
    part: NDArray[np.int32]
    begin: NDArray[np.int64]  # tokens of the document
    end: NDArray[np.int64]


class Aligned(NamedTuple):
    """One alignment for each window; `score` is 0 where nothing fits."""

    begin: NDArray[np.int64]  # tokens of the document
    end: NDArray[np.int64]
    item_begin: NDArray[np.int64]  # tokens of the part
    item_end: NDArray[np.int64]
    score: NDArray[np.float64]
    matched: NDArray[np.int64]  # tokens of the part that stand in the document


def windows(index: Index, seen: Seen, weights: Weights) -> Windows:
    """Where each document may hold a part, heaviest place first; a part may stand in a document more than once."""
    taken = (weights.gram > 0) & (np.diff(index.first_place) <= MOST_PLACES)
    found = places(index, seen, taken)
    found = found.take(np.lexsort((found.token, found.part, found.doc)))
    return Windows(*_windows(*found, index.first_token, index.token_gram, weights.gram, index.n))


def align(index: Index, weights: Weights, where: Windows, ids: Ids, first: Offsets) -> Aligned:
    """Align every window with its part. `ids` and `first` are the tokens of the documents that `where.doc` numbers."""
    return Aligned(*_align_all(*where, ids, first, index.ids, index.first_token, weights.token, index.importance))


def align_flat(index: Index, where: Windows, ids: Ids, first: Offsets) -> Aligned:
    """The same with every token at its own importance: for answers, looked for beside a question that was found."""
    flat = np.ones(len(index.ids), dtype=np.float32)
    return Aligned(*_align_all(*where, ids, first, index.ids, index.first_token, flat, index.importance))


@njit(cache=True)
def _windows(
    doc: NDArray[np.int64],
    part: NDArray[np.int32],
    token: NDArray[np.int64],
    place: NDArray[np.int64],
    first_token: Offsets,
    token_gram: NDArray[np.int32],
    weight: NDArray[np.float32],
    n: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    pairs = len(doc)
    out_doc = np.empty(pairs, dtype=np.int64)
    out_part = np.empty(pairs, dtype=np.int32)
    out_begin = np.empty(pairs, dtype=np.int64)
    out_end = np.empty(pairs, dtype=np.int64)
    size = 1
    for i in range(len(first_token) - 1):
        size = max(size, first_token[i + 1] - first_token[i])
    within = np.zeros(size, dtype=np.int64)
    used = np.zeros(pairs, dtype=np.bool_)
    out = 0
    i = 0
    while i < pairs:
        stop = i
        while stop < pairs and doc[stop] == doc[i] and part[stop] == part[i]:
            stop += 1
        base = first_token[part[i]]
        length = first_token[part[i] + 1] - base
        total = 0.0
        for at in range(base, base + length):
            if token_gram[at] >= 0:
                total += weight[token_gram[at]]
        reach = length + max(16, length // 2)
        while True:
            left, right, most = _heaviest(token, place, used, i, stop, base, token_gram, weight, reach, within)
            if most < NOMINATE * total or most <= 0:
                break
            out_doc[out], out_part[out] = doc[i], part[i]
            # What the seeds do not show of the part may stand before and after them.
            out_begin[out] = token[left] - place[left] - 8 - place[left] // 4
            rest = length - place[right]
            out_end[out] = token[right] + rest + 8 + rest // 4
            out += 1
            for j in range(left, right + 1):
                used[j] = True
        i = stop
    return out_doc[:out], out_part[:out], out_begin[:out], out_end[:out]


@helper
def _heaviest(token, place, used, begin, stop, base, token_gram, weight, reach, within):  # type: ignore[no-untyped-def]
    """First and last pair of the `reach` tokens that hold most weight of distinct n-grams, and that weight."""
    best_left = best_right = begin
    best = 0.0
    now = 0.0
    left = begin
    for right in range(begin, stop):
        if used[right]:
            continue
        while token[right] - token[left] > reach:
            if not used[left]:
                within[place[left]] -= 1
                if within[place[left]] == 0:
                    now -= weight[token_gram[base + place[left]]]
            left += 1
        if within[place[right]] == 0:
            now += weight[token_gram[base + place[right]]]
        within[place[right]] += 1
        if now > best + 1e-6:
            best, best_left, best_right = now, left, right
    for j in range(begin, stop):
        within[place[j]] = 0
    while best_left < best_right and used[best_left]:
        best_left += 1
    return best_left, best_right, best


@njit(cache=True)
def _align_all(
    doc: NDArray[np.int64],
    part: NDArray[np.int32],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    ids: Ids,
    first: Offsets,
    part_ids: Ids,
    first_token: Offsets,
    weight: NDArray[np.float32],
    importance: NDArray[np.float32],
) -> tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]
]:
    count = len(doc)
    place = np.zeros((5, count), dtype=np.int64)
    score = np.zeros(count, dtype=np.float64)
    for i in range(count):
        base, stop = first_token[part[i]], first_token[part[i] + 1]
        low = max(begin[i] + first[doc[i]], first[doc[i]])
        high = min(end[i] + first[doc[i]], first[doc[i] + 1])
        if high <= low or stop <= base:
            continue
        best = _align(part_ids[base:stop], weight[base:stop], importance[base:stop], ids[low:high])
        offset = low - first[doc[i]]
        place[0, i], place[1, i] = best[0] + offset, best[1] + offset
        place[2, i], place[3, i], place[4, i] = best[2], best[3], best[5]
        score[i] = best[4]
    return place[0], place[1], place[2], place[3], score, place[4]


@njit(cache=True)
def _align(
    item: Ids, weight: NDArray[np.float32], importance: NDArray[np.float32], text: Ids
) -> tuple[int, int, int, int, float, int]:
    """Begin and end in the text, begin and end in the item, score, tokens matched.

    Local alignment with linear gaps; a match gains the token's weight times its importance.
    """
    rows, columns = len(item), len(text)
    top = np.float32(1e-9)
    for i in range(rows):
        top = max(top, weight[i])
    gain = importance * (weight / top)
    came = np.zeros((rows + 1, columns + 1), dtype=np.uint8)
    above = np.zeros(columns + 1, dtype=np.float32)
    here = np.zeros(columns + 1, dtype=np.float32)
    best, best_i, best_j = np.float32(0.0), 0, 0
    exchanged, skipped, added = np.float32(_EXCHANGED), np.float32(_SKIPPED), np.float32(_ADDED)
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            same = item[i - 1] == text[j - 1]
            value = above[j - 1] + (gain[i - 1] if same else -exchanged)
            step = 1 if same else 2
            if above[j] - skipped > value:
                value, step = above[j] - skipped, 3
            if here[j - 1] - added > value:
                value, step = here[j - 1] - added, 4
            if value < 0 or (value == 0 and not same):
                value, step = np.float32(0.0), 0
            here[j] = value
            came[i, j] = step
            if value > best:
                best, best_i, best_j = value, i, j
        above, here = here, above
    return _follow(came, best_i, best_j, gain, importance, weight >= np.float32(_OWN) * top)


@njit(cache=True)
def _follow(
    came: NDArray[np.uint8],
    end_i: int,
    end_j: int,
    gain: NDArray[np.float32],
    importance: NDArray[np.float32],
    own: NDArray[np.bool_],
) -> tuple[int, int, int, int, float, int]:
    """The way back from the best cell; a word that matches alone, between words that do not, is not counted."""
    i, j = end_i, end_j
    matched = np.zeros(len(gain), dtype=np.bool_)
    run = 0
    least = 2 if len(gain) > 3 else 1
    while came[i, j]:
        step = came[i, j]
        if step == 1:
            matched[i - 1] = True
            run += 1
        if step != 1 or came[i - 1, j - 1] == 0:
            if 0 < run < least:
                matched[i if step != 1 else i - 1] = False
            run = 0
        if step != 4:
            i -= 1
        if step != 3:
            j -= 1
    total, held, own_total, own_held = 0.0, 0.0, 0.0, 0.0
    numbers, numbers_held, count = 0, 0, 0
    for at in range(len(gain)):
        total += gain[at]
        own_total += importance[at] if own[at] else 0.0
        numbers += importance[at] == NUMBER
        if matched[at]:
            held += gain[at]
            own_held += importance[at] if own[at] else 0.0
            numbers_held += importance[at] == NUMBER
            count += 1
    score = held / total if total > 0 else 0.0
    if own_total >= _OWN_LEAST:
        score *= min(1.0, own_held / own_total / _OWN_NEEDED)
    if numbers >= _NUMBERS_LEAST:
        score *= min(1.0, numbers_held / numbers / _NUMBERS_NEEDED)
    return j, end_j, i, end_i, score, count
