"""The built-in identifier: py3langid's model, its features counted and weighed by a compiled kernel.

Lui and Baldwin, "langid.py: An Off-the-shelf Language Identification Tool" (ACL 2012): a finite automaton finds byte
n-grams, multinomial naive Bayes weighs them. Counts enter as log(1 + count) and log-likelihoods are divided by the
square root of the number of bytes, as py3langid 0.4 does. Sums are taken in the order in which features first occur, so
that the result does not depend on a linear algebra library or its threads.
"""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.language.answer import NONE, Language, has_letters, prefix

# More characters cost time and change the answer of hardly any page (benchmarks/language.py measures both).
PREFIX_CHARS = 1000


class _Model(NamedTuple):
    weights: NDArray[np.float32]  # [features, classes] log-likelihoods
    prior: NDArray[np.float32]  # [classes]
    next_state: NDArray[np.uint32]  # [rows * 256]
    row_of: NDArray[np.int64]  # [states] where the state's row begins
    feature: NDArray[np.int32]  # [states], -1 where a state is no feature


class NaiveBayes:
    """py3langid's language model, on the first `prefix_chars` characters; a hundred megabytes, a second to load."""

    def __init__(self, prefix_chars: int = PREFIX_CHARS) -> None:
        import py3langid
        from py3langid.modelio import load_model

        weights, prior, labels, next_state, rows, feature = load_model(
            Path(py3langid.__file__).parent / "data" / "model.npz.xz"
        )
        self._model = _Model(
            np.ascontiguousarray(weights, np.float32),
            np.asarray(prior, np.float32),
            np.frombuffer(next_state, dtype=f"u{next_state.itemsize}").astype(np.uint32),
            np.asarray(rows, np.int64) << 8,
            np.asarray(feature, np.int32),
        )
        self._labels = labels
        self._prefix_chars = prefix_chars
        self.languages = frozenset(labels)
        # Some languages have two classes (two scripts): the later one is folded into the first.
        self._aliases = [(labels.index(label), i) for i, label in enumerate(labels) if labels.index(label) < i]
        self._counts = np.zeros(len(self._model.weights), np.int32)

    def identify(self, texts: list[str]) -> list[Language]:
        """One answer a text, from its beginning."""
        return [self._one(prefix(text, self._prefix_chars)) for text in texts]

    def _one(self, text: str) -> Language:
        if not has_letters(text):
            return NONE
        if text.isupper():
            text = text.lower()
        data = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
        scores = _scores(np.frombuffer(data, np.uint8), self._counts, *self._model)
        scores *= 1.0 / math.sqrt(len(data))
        merged = np.exp(scores - scores.max())
        for first, again in self._aliases:
            merged[first] += merged[again]
            merged[again] = 0.0
        merged /= merged.sum()
        best = int(merged.argmax())
        score = float(merged[best])
        merged[best] = -1.0
        second = int(merged.argmax())
        return Language(self._labels[best], score, self._labels[second], float(merged[second]))


@njit(cache=True)
def _scores(data, counts, weights, prior, next_state, row_of, feature):  # type: ignore[no-untyped-def]  # a kernel
    """float64[classes]: prior plus log(1 + count) times the log-likelihoods of every feature in `data`.

    `counts` [features] is scratch space, all zeros before and after.
    """
    found = np.empty(len(data), np.int32)
    different = 0
    state = np.int64(0)
    for byte in data:
        state = np.int64(next_state[row_of[state] + byte])
        seen = feature[state]
        if seen >= 0:
            if counts[seen] == 0:
                found[different] = seen
                different += 1
            counts[seen] += 1
    scores = prior.astype(np.float64)
    for i in range(different):
        row = weights[found[i]]
        weight = np.log1p(np.float64(counts[found[i]]))
        counts[found[i]] = 0
        for label in range(len(scores)):
            scores[label] += weight * row[label]
    return scores
