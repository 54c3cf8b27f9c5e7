"""N-gram models: what counting alone reaches on the same tokens, printed beside a model.

Interpolated modified Kneser-Ney smoothing (Chen & Goodman 1998, section 3; the discounts as Heafield et al. 2013 have
them). For a history h and a word w, c the adjusted count and h' the history without its oldest word:

    p(w | h) = (c(hw) - D(c(hw))) / c(h) + g(h) p(w | h'),    g(h) = (D1 N1(h) + D2 N2(h) + D3 N3+(h)) / c(h)
    D(k) = k - (k + 1) Y t(k+1) / t(k) for k = 1, 2, 3+;    Y = t(1) / (t(1) + 2 t(2))

c counts occurrences at the highest order, and below it the different words that stand to the left of an n-gram; c(h)
is its sum over w; N_k(h) is how many words have c(hw) = k, t(k) how many n-grams have the count k. Where a history was
never seen, p(w | h) = p(w | h'). The lowest order is interpolated with 1/V, so every token of the vocabulary has a
probability above zero and the sum over all is one. Where the t(k) give no discount in [0, k] (few tokens, or a tiny
vocabulary whose counts are all large), D = 0.5, 1, 1.5.

Every document is read after a start that no token is. As for a model, its first token is not foretold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Order:
    """All n-grams of one length, grouped by their history, which is numbered as an n-gram of the length before.

    first: int64 [histories + 1], the n-grams of history h are first[h]:first[h+1]. words: int32, their last words,
    ascending in each group. counts: int32, adjusted. totals, backoffs: float64 [histories], c(h) and g(h). discounts:
    float64 [4], by count from 0 to 3+.
    """

    first: Ints
    words: NDArray[np.int32]
    counts: NDArray[np.int32]
    totals: Floats
    backoffs: Floats
    discounts: Floats


class Ngram:
    """An n-gram model of tokens; `fit` makes one."""

    def __init__(self, vocab_size: int, orders: Sequence[_Order]) -> None:
        self.vocab_size = vocab_size
        self._orders = tuple(orders)

    @property
    def order(self) -> int:
        """Words of history, and one."""
        return len(self._orders)

    @property
    def sizes(self) -> list[int]:
        """How many different n-grams of each length are kept."""
        return [len(each.words) for each in self._orders]

    @staticmethod
    def fit(tokens: NDArray[np.integer], first: Ints, vocab_size: int, order: int = 5) -> Ngram:
        """Count documents: tokens[first[d]:first[d+1]] is document d, each id below vocab_size.

        Needs about 80 bytes a token, and at order 5 half a CPU second or so for a million tokens.
        """
        if order < 1:
            raise ValueError(f"an n-gram has at least one word, not {order}")
        ids, place = _checked(tokens, first, order, vocab_size)
        learned = place > max(order - 2, 0)
        grams = np.zeros(len(ids), np.int32)
        tables: list[tuple[Ints, NDArray[np.int32], NDArray[np.int32]]] = []
        for length in range(1, order + 1):
            shorter, number = grams, len(tables[-1][1]) if tables else 1
            histories = _before(shorter) if tables else shorter
            grams, table = _count(histories, number, ids, place >= length - 1, learned, vocab_size)
            if tables:
                tables[-1] = (*tables[-1][:2], _left_words(grams, shorter, table[2], number))
            tables.append(table)
        return Ngram(vocab_size, [_order(*table) for table in tables])

    def logprobs(self, tokens: NDArray[np.integer], first: Ints) -> Floats:
        """Natural log-probability of every token but the first of each document, in order."""
        ids, place = _checked(tokens, first, self.order, self.vocab_size)
        likely = np.full(len(ids), 1.0 / self.vocab_size)
        grams = np.zeros(len(ids), np.int32)
        for length, table in enumerate(self._orders, start=1):
            histories = _before(grams) if length > 1 else grams
            histories[place < length - 1] = -1
            weights = (table.totals, table.backoffs, table.discounts)
            grams = _look_up(histories, ids, table.first, table.words, table.counts, *weights, likely)
        return np.log(likely[place > max(self.order - 2, 0)])

    def distribution(self, history: Sequence[int]) -> Floats:
        """[vocab] probabilities of what follows a document's first tokens (at least one)."""
        rows = [[*history, word] for word in range(self.vocab_size)]
        length = len(history) + 1
        found = self.logprobs(np.array(rows).ravel(), np.arange(self.vocab_size + 1) * length)
        return np.exp(found[length - 2 :: length - 1])

    def bits(self, tokens: NDArray[np.integer], first: Ints) -> float:
        """Bits that all tokens but the first of each document take."""
        return -float(self.logprobs(tokens, first).sum()) / math.log(2)


def bits_per_byte(
    held_in: tuple[NDArray[np.integer], Ints],
    held_out: tuple[NDArray[np.integer], Ints],
    held_out_bytes: int,
    vocab_size: int,
    orders: Sequence[int] = (2, 5),
) -> dict[int, float]:
    """Held-out bits per byte of UTF-8 by order; documents as (tokens, first), as `Ngram.fit` takes them."""
    return {order: Ngram.fit(*held_in, vocab_size, order).bits(*held_out) / held_out_bytes for order in orders}


def _checked(
    tokens: NDArray[np.integer], first: Ints, order: int, vocab_size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The documents as `_padded` gives them: a history of full length before every token but the first."""
    if len(tokens) and (tokens.min() < 0 or tokens.max() >= vocab_size):
        raise ValueError(f"a token lies outside the vocabulary of {vocab_size}")
    padded: tuple[NDArray[np.int32], NDArray[np.int32]] = _padded(tokens, first, max(order - 2, 0), vocab_size)
    return padded


def _before(grams: NDArray[np.int32]) -> NDArray[np.int32]:
    """The n-gram that ends one position earlier."""
    return np.concatenate((np.full(min(1, len(grams)), -1, np.int32), grams[:-1]))


@njit(cache=True)
def _padded(
    tokens: NDArray[np.integer], first: Ints, starts: int, start: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Documents with so many start symbols before each, and the place of each position in its own."""
    documents = len(first) - 1
    size = first[documents] - first[0] + starts * documents
    ids, place = np.empty(size, np.int32), np.empty(size, np.int32)
    at = 0
    for document in range(documents):
        for i in range(starts):
            ids[at], place[at] = start, i
            at += 1
        for i in range(first[document], first[document + 1]):
            ids[at], place[at] = tokens[i], starts + i - first[document]
            at += 1
    return ids, place


def _count(
    histories: NDArray[np.int32],
    number: int,
    ids: NDArray[np.int32],
    here: NDArray[np.bool_],
    learned: NDArray[np.bool_],
    vocab_size: int,
) -> tuple[NDArray[np.int32], tuple[Ints, NDArray[np.int32], NDArray[np.int32]]]:
    """Number the n-grams (history, word): that of each position or -1; then first, words and occurrences."""
    at = np.flatnonzero(here)
    keys = histories[at].astype(np.int64) * (vocab_size + 1) + ids[at]
    grams = np.full(len(ids), -1, np.int32)
    keys, at = _sorted(keys, at, number * (vocab_size + 1))
    words, counts, owners = _group(keys, at, learned, grams, vocab_size + 1)
    first = np.searchsorted(owners, np.arange(number + 1)).astype(np.int64)
    return grams, (first, words, counts)


@njit(cache=True)
def _sorted(keys: Ints, values: Ints, limit: int) -> tuple[Ints, Ints]:
    """Keys below `limit` in ascending order with their values: a radix sort, a few times faster than np.argsort."""
    shift = 0
    while limit >> shift > 0:
        first = np.zeros(2049, np.int64)
        for key in keys:
            first[(key >> shift & 2047) + 1] += 1
        first = np.cumsum(first)
        next_keys, next_values = np.empty_like(keys), np.empty_like(values)
        for i in range(len(keys)):
            bucket = keys[i] >> shift & 2047
            next_keys[first[bucket]], next_values[first[bucket]] = keys[i], values[i]
            first[bucket] += 1
        keys, values = next_keys, next_values
        shift += 11
    return keys, values


@njit(cache=True)
def _group(
    keys: Ints, at: Ints, learned: NDArray[np.bool_], grams: NDArray[np.int32], base: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Number equal keys, which are neighbours; word, occurrences as something to foretell, and history of each."""
    number = 0
    for i in range(len(keys)):
        number += i == 0 or keys[i] != keys[i - 1]
    words, counts = np.empty(number, np.int32), np.zeros(number, np.int32)
    owners = np.empty(number, np.int32)
    gram = -1
    for i in range(len(keys)):
        if i == 0 or keys[i] != keys[i - 1]:
            gram += 1
            words[gram], owners[gram] = keys[i] % base, keys[i] // base
        grams[at[i]] = gram
        counts[gram] += learned[at[i]]
    return words, counts, owners


@njit(cache=True)
def _left_words(
    grams: NDArray[np.int32], below: NDArray[np.int32], counts: NDArray[np.int32], number: int
) -> NDArray[np.int32]:
    """How many different words stand to the left of each shorter n-gram; `below` is that of each position."""
    found, done = np.zeros(number, np.int32), np.zeros(len(counts), np.bool_)
    for i in range(len(grams)):
        gram = grams[i]
        if gram >= 0 and counts[gram] > 0 and not done[gram]:
            done[gram] = True
            found[below[i]] += 1
    return found


def _order(first: Ints, words: NDArray[np.int32], counts: NDArray[np.int32]) -> _Order:
    t = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].astype(np.float64)
    discounts = np.array([0.0, 0.5, 1.0, 1.5])
    if (t > 0).all():
        scale = t[0] / (t[0] + 2 * t[1])
        wanted = np.array([k - (k + 1) * scale * t[k] / t[k - 1] for k in (1, 2, 3)])
        if (wanted >= 0).all() and (wanted <= [1, 2, 3]).all():
            discounts[1:] = wanted
    totals, backoffs = _weigh(first, counts, discounts)
    return _Order(first, words, counts, totals, backoffs, discounts)


@njit(cache=True)
def _weigh(first: Ints, counts: NDArray[np.int32], discounts: Floats) -> tuple[Floats, Floats]:
    """Sum of the counts of each history, and the share that its shorter history gets."""
    histories = len(first) - 1
    totals, backoffs = np.zeros(histories), np.ones(histories)
    for history in range(histories):
        total, taken = 0, 0.0
        for gram in range(first[history], first[history + 1]):
            total += counts[gram]
            taken += discounts[min(counts[gram], 3)]
        if total > 0:
            totals[history], backoffs[history] = total, taken / total
    return totals, backoffs


@njit(cache=True)
def _look_up(
    histories: NDArray[np.int32],
    ids: NDArray[np.int32],
    first: Ints,
    words: NDArray[np.int32],
    counts: NDArray[np.int32],
    totals: Floats,
    backoffs: Floats,
    discounts: Floats,
    likely: Floats,
) -> NDArray[np.int32]:
    """One order more: interpolate `likely` in place; the n-gram of each position, -1 where it is unknown."""
    grams = np.full(len(ids), -1, np.int32)
    for i in range(len(ids)):
        history = histories[i]
        if history < 0:
            continue
        low, high = first[history], first[history + 1]
        while low < high:
            middle = (low + high) // 2
            if words[middle] < ids[i]:
                low = middle + 1
            else:
                high = middle
        count = 0
        if low < first[history + 1] and words[low] == ids[i]:
            grams[i] = low
            count = counts[low]
        if totals[history] > 0:
            likely[i] = (count - discounts[min(count, 3)]) / totals[history] + backoffs[history] * likely[i]
    return grams
