"""A tagger of words: names and addresses by the words around them, for what no pattern finds.

Every word has about thirty features, hashed from itself, its shape, its ends, what stands before it, and the same of
its neighbours; the linear engine gives each word a probability for each kind. Words of one kind that stand together
are one find.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.classify import linear
from curate.classify.features import BITS, Rows
from curate.classify.linear import LinearModel
from curate.measures.batch import Batch
from curate.segment import classes
from curate.segment.kernels import helper
from curate.segment.tables import DECIMAL

KIND = "tokens/20/1"
OTHER = "other"
EDGE = 0.5
"""Beside a sure word a word needs this share of the threshold: the ends of addresses and names are less sure."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(64 - BITS)
_EACH = 29
_VALUE = np.float32(1 / np.sqrt(_EACH))
_WIDE, _NEAR = 3, 1
_SPACE, _NEWLINE, _COMMA, _DOT = ord(" "), ord("\n"), ord(","), ord(".")
# What stands before a word.
START, NOTHING, BLANK, BREAK, COMMA, DOT, MARK = range(7)


class Tagged(NamedTuple):
    """A find: document in the batch, code points in its text, kind, and the highest probability of its words."""

    doc: int
    start: int
    end: int
    kind: str
    score: float


class Tagger(NamedTuple):
    """A trained tagger; labels are the kinds and `other`, in the order of the model's columns; across: kinds whose
    finds run over commas and line ends, as addresses do."""

    labels: list[str]
    across: list[str]
    engine: LinearModel

    @property
    def kinds(self) -> list[str]:
        """What it finds."""
        return [label for label in self.labels if label != OTHER]

    def logits(self, batch: Batch) -> NDArray[np.float64]:
        """Of every word for every label, before calibration; float64[words, labels]."""
        engine = self.engine
        views = (*_views(batch), batch.segments.words_uax29.first)
        return np.asarray(_logits(*views, engine.known, engine.index, engine.weights, engine.bias))

    def find(self, batch: Batch, threshold: float = 0.5) -> list[Tagged]:
        """The finds in order: words with at least this probability, and their neighbours of `EDGE` of it."""
        words, text = batch.segments.words_uax29, batch.segments.text
        if not len(words.begin):
            return []
        scores = self.engine.calibrated(self.logits(batch))
        scores[:, self.labels.index(OTHER)] = 0.0
        best = scores.argmax(axis=1)
        sure = scores[np.arange(len(best)), best]
        at = np.flatnonzero(sure >= EDGE * threshold)
        if not len(at):
            return []
        kind, doc = best[at], np.searchsorted(words.first, at, side="right") - 1
        joins = np.isin(batch.once(gaps)[at], (NOTHING, BLANK, DOT))
        joins |= np.isin(kind, [self.labels.index(name) for name in self.across if name in self.labels])
        joins[1:] &= (np.diff(at) == 1) & (np.diff(kind) == 0) & (np.diff(doc) == 0)
        joins[0] = False
        first = np.flatnonzero(~joins)
        last = np.append(first[1:], len(at)) - 1
        highest = np.maximum.reduceat(sure[at], first)
        found = []
        for run in np.flatnonzero(highest >= threshold).tolist():
            begin, end, here = at[first[run]], at[last[run]], int(doc[first[run]])
            start, stop = int(words.begin[begin] - text.first[here]), int(words.end[end] - text.first[here])
            found.append(Tagged(here, start, stop, self.labels[kind[first[run]]], float(highest[run])))
        return found


def train(
    batches: Sequence[Batch],
    tags: NDArray[np.int64],
    labels: list[str],
    across: list[str],
    groups: Sequence[str],
    settings: linear.Linear,
    seed: int,
) -> Tagger:
    """tags: the label of every word of the batches, by place; groups: what is kept in one fold, for every word."""
    parts = [word_features(batch) for batch in batches]
    slots = np.concatenate([part.slots for part in parts])
    values = np.concatenate([part.values for part in parts])
    rows = Rows(np.arange(len(tags) + 1, dtype=np.int64) * _EACH, slots, values)
    target = tags[:, None] == np.arange(len(labels))[None, :]
    return Tagger(labels, across, linear.train(rows, target, groups, settings, seed, exclusive=True))


def word_features(batch: Batch) -> Rows:
    """The features of each word of `words_uax29`, all documents after each other."""
    words = batch.segments.words_uax29
    slots = _slots(*_views(batch), words.first)
    count = len(words.begin)
    values = np.full(count * _EACH, _VALUE, np.float32)
    return Rows(np.arange(count + 1, dtype=np.int64) * _EACH, slots, values)


def _views(batch: Batch) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
    """Of each word: its id, the hashes of its shape and ends, and what stands before it."""
    words, text, tables = batch.segments.words_uax29, batch.segments.text, classes()
    base = _attributes(text.codes, words.begin, words.end, tables.lower, tables.flags)
    return batch.segments.lower_ids("words_uax29"), base, batch.once(gaps)


def gaps(batch: Batch) -> NDArray[np.int64]:
    """What stands between each word and the one before it in its document."""
    words = batch.segments.words_uax29
    return np.asarray(_gaps(batch.segments.text.codes, words.begin, words.end, words.first))


@njit(cache=True)
def _gaps(codes, begin, end, first):  # type: ignore[no-untyped-def]  # a kernel
    out = np.empty(len(begin), dtype=np.int64)
    for doc in range(len(first) - 1):
        for i in range(first[doc], first[doc + 1]):
            if i == first[doc]:
                out[i] = START
                continue
            kind = NOTHING
            for at in range(end[i - 1], begin[i]):
                code = codes[at]
                here = MARK
                if code == _SPACE:
                    here = BLANK
                elif code == _NEWLINE:
                    here = BREAK
                elif code == _COMMA:
                    here = COMMA
                elif code == _DOT:
                    here = DOT
                if here == MARK or (here > kind and kind != MARK):
                    kind = here
            out[i] = kind
    return out


@njit(cache=True)
def _attributes(codes, begin, end, lower, flags):  # type: ignore[no-untyped-def]  # a kernel
    """Hashes of shape, first and last three letters of each word, uint64[words, 3]."""
    out = np.empty((len(begin), 3), dtype=np.uint64)
    for i in range(len(begin)):
        shape, last, repeated = np.uint64(7), np.uint64(0), 0
        for at in range(begin[i], end[i]):
            code = codes[at]
            kind = np.uint64(1)
            if flags[code] & DECIMAL:
                kind = np.uint64(2)
            elif lower[code] != code:
                kind = np.uint64(3)
            elif code < 128 and not (97 <= code <= 122):
                kind = np.uint64(4)
            repeated = repeated + 1 if kind == last else 1
            if repeated <= 3:
                shape = shape * np.uint64(5) + kind
            last = kind
        out[i, 0] = shape
        head, tail = np.uint64(11), np.uint64(13)
        for at in range(begin[i], min(begin[i] + 3, end[i])):
            head = (head ^ np.uint64(lower[codes[at]])) * _MIX
        for at in range(max(begin[i], end[i] - 3), end[i]):
            tail = (tail ^ np.uint64(lower[codes[at]])) * _MIX
        out[i, 1], out[i, 2] = head, tail
    return out


@helper
def _slot(name, value):  # type: ignore[no-untyped-def]
    mixed = (value ^ (np.uint64(name) * _MIX)) * _SPREAD
    mixed ^= mixed >> np.uint64(29)
    return np.uint32((mixed * _SPREAD) >> _SHIFT)


@helper
def _fill(out, n, ids, base, before, low, high, i):  # type: ignore[no-untyped-def]
    """The slots of word i of the document that holds the words low to high, at n and behind it."""
    edge = np.uint64(1)
    for step in range(-_WIDE, _WIDE + 1):
        inside = low <= i + step < high
        out[n] = _slot(100 + step, ids[i + step] if inside else edge)
        out[n + 1] = _slot(200 + step, base[i + step, 0] if inside else edge)
        n += 2
    for step in range(-_NEAR, _NEAR + 1):
        inside = low <= i + step < high
        out[n] = _slot(300 + step, base[i + step, 1] if inside else edge)
        out[n + 1] = _slot(400 + step, base[i + step, 2] if inside else edge)
        gap = before[i + step] if inside else np.int64(START)
        out[n + 2] = _slot(500 + step, np.uint64(gap + 1))
        n += 3
    left = ids[i - 1] if i > low else edge
    left_shape = base[i - 1, 0] if i > low else edge
    right = ids[i + 1] if i + 1 < high else edge
    right_shape = base[i + 1, 0] if i + 1 < high else edge
    out[n] = _slot(600, left * _SPREAD + ids[i])
    out[n + 1] = _slot(601, ids[i] * _SPREAD + right)
    out[n + 2] = _slot(602, left_shape * _SPREAD + base[i, 0])
    out[n + 3] = _slot(603, base[i, 0] * _SPREAD + right_shape)
    out[n + 4] = _slot(604, left * _SPREAD + base[i, 0])
    out[n + 5] = _slot(605, np.uint64(before[i] + 1) * _SPREAD + base[i, 0])


@njit(cache=True)
def _slots(ids, base, before, first):  # type: ignore[no-untyped-def]  # a kernel
    out = np.empty(len(ids) * _EACH, dtype=np.uint32)
    for doc in range(len(first) - 1):
        for i in range(first[doc], first[doc + 1]):
            _fill(out, i * _EACH, ids, base, before, first[doc], first[doc + 1], i)
    return out


@njit(cache=True)
def _logits(ids, base, before, first, known, index, weights, bias):  # type: ignore[no-untyped-def]  # a kernel
    """What `features.logits` gives for `_slots`, without keeping them; most slots are unknown, which a bit tells."""
    columns = len(bias)
    out = np.empty((len(ids), columns), dtype=np.float64)
    own = np.empty(_EACH, dtype=np.uint32)
    for doc in range(len(first) - 1):
        for i in range(first[doc], first[doc + 1]):
            for column in range(columns):
                out[i, column] = bias[column]
            _fill(own, 0, ids, base, before, first[doc], first[doc + 1], i)
            for k in range(_EACH):
                slot = own[k]
                if known[slot >> 3] >> (slot & 7) & 1:
                    row = index[slot]
                    for column in range(columns):
                        out[i, column] += _VALUE * weights[row, column]
    return out
