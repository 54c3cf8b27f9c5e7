"""Hashed n-grams: what the linear engine reads of a document.

A feature is a slot of 2**20: lower-cased UAX-29 words and pairs of neighbouring words, hashed from the ids that the
segments hold, and, where a model asks for it, features of another kind hashed from names. Its value is 1 + ln(count),
and the values of a document have Euclidean length 1, so that long and short texts are alike. Only the first
`WORDS` words are read: what a document is shows early, and a book costs no more than a long page.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.measures.batch import Batch
from curate.segment import Segments

BITS = 20
SLOTS = 1 << BITS
WORDS = 4096
KIND = "words-1-2/20/1"
"""Names this definition in a stored model: one with another is refused."""

_PAIR = np.uint64(0xFF51AFD7ED558CCD)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(64 - BITS)


class Rows(NamedTuple):
    """Features of texts: those of text i are `slots[first[i]:first[i + 1]]`, each once, in order of appearance."""

    first: NDArray[np.int64]  # [texts + 1]
    slots: NDArray[np.uint32]  # [features]
    values: NDArray[np.float32]  # [features]

    @property
    def texts(self) -> int:
        """Number of texts."""
        return len(self.first) - 1


class Extra(NamedTuple):
    """Features beside the words: those of text i are `slots[first[i]:first[i + 1]]`."""

    first: NDArray[np.int64]
    slots: NDArray[np.uint32]


def word_rows(batch: Batch) -> Rows:
    """The words and word pairs of each document; computed once for all models: `batch.once(word_rows)`."""
    words = batch.segments.words_uax29
    return rows(batch.segments.lower_ids("words_uax29"), words.first[:-1], words.first[1:])


def rows(ids: NDArray[np.uint64], begin: NDArray[np.int64], end: NDArray[np.int64], extra: Extra | None = None) -> Rows:
    """The features of texts whose words are `ids[begin[i]:end[i]]`, with `extra` ones where given."""
    if extra is None:
        extra = Extra(np.zeros(len(begin) + 1, np.int64), np.empty(0, np.uint32))
    room = int(2 * np.minimum(end - begin, WORDS).sum()) + len(extra.slots)
    return Rows(*_rows(ids, begin, end, extra.first, extra.slots, np.zeros(SLOTS, np.int32), room))


def sentence_words(segments: Segments) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The range of words in each sentence: begin and end among `words_uax29`, int64[sentences]."""
    words, sentences = segments.words_uax29, segments.sentences
    return np.searchsorted(words.begin, sentences.begin), np.searchsorted(words.begin, sentences.end)


def name_slots(names: list[str]) -> NDArray[np.uint32]:
    """Slots of features that are no words, such as `path:forum`; a word never has their ids."""
    from curate.segment.hashing import string_ids

    ids = string_ids([f"\x00{name}" for name in names])
    return ((ids * _SPREAD) >> _SHIFT).astype(np.uint32)


@njit(cache=True)
def _rows(ids, begin, end, extra_first, extra_slots, counts, room):  # type: ignore[no-untyped-def]  # a kernel
    first = np.zeros(len(begin) + 1, dtype=np.int64)
    slots = np.empty(room, dtype=np.uint32)
    values = np.empty(room, dtype=np.float32)
    n = 0
    for text in range(len(begin)):
        start = n
        stop = min(end[text], begin[text] + WORDS)
        for i in range(begin[text], stop):
            slot = (ids[i] * _SPREAD) >> _SHIFT
            if counts[slot] == 0:
                slots[n] = slot
                n += 1
            counts[slot] += 1
            if i + 1 < stop:
                slot = ((ids[i] * _PAIR + ids[i + 1]) * _SPREAD) >> _SHIFT
                if counts[slot] == 0:
                    slots[n] = slot
                    n += 1
                counts[slot] += 1
        for i in range(extra_first[text], extra_first[text + 1]):
            slot = np.uint64(extra_slots[i])
            if counts[slot] == 0:
                slots[n] = slot
                n += 1
            counts[slot] += 1
        squares = 0.0
        for k in range(start, n):
            value = 1.0 + np.log(counts[slots[k]])
            counts[slots[k]] = 0
            values[k] = value
            squares += value * value
        scale = 1.0 / np.sqrt(squares) if squares > 0 else 0.0
        for k in range(start, n):
            values[k] *= scale
        first[text + 1] = n
    return first, slots[:n], values[:n]


@njit(cache=True)
def logits(first: Any, slots: Any, values: Any, index: Any, weights: Any, bias: Any) -> Any:
    """Weighted sums of the features of each text, float64[texts, columns].

    index: for each slot its row in `weights`, int32[SLOTS], -1 where the model does not know it. weights:
    float32[rows, columns]. bias: float64[columns].
    """
    texts, columns = len(first) - 1, len(bias)
    out = np.empty((texts, columns), dtype=np.float64)
    for text in range(texts):
        for column in range(columns):
            out[text, column] = bias[column]
        for k in range(first[text], first[text + 1]):
            row = index[slots[k]]
            if row >= 0:
                for column in range(columns):
                    out[text, column] += values[k] * weights[row, column]
    return out
