"""Weights: what an n-gram says about an item, once it is known how many documents and how many items hold it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.contamination.match_index import Index
from curate.contamination.variants import Common
from curate.segment.types import Offsets

_FEWEST = 1000  # in a corpus or a benchmark of a few, two are no sign of something common


class Weights(NamedTuple):
    """By gram and by token of the parts; what is common is near 0, what nobody else has is 1."""

    ignored: NDArray[np.bool_]  # [grams] held by more documents than the variant allows
    gram: NDArray[np.float32]  # [grams] 0 where ignored
    token: NDArray[np.float32]  # [tokens of parts] mean weight of the grams over the token
    seen: NDArray[np.bool_]  # [tokens of parts] whether some gram over the token stands in some document
    common: NDArray[np.float64]  # [parts] share of its grams that are ignored


def weigh(index: Index, counts: NDArray[np.int64], documents: int, common: Common | None) -> Weights:
    """IDF weights from document counts [grams] over a corpus of `documents`.

    A gram weighs min(log((N+1)/df), log((I+1)/if)), each over its largest value: df documents of N hold it, and if
    items of I. A gram that no or one document holds weighs most, so that an item's words which nobody has quoted
    count in full against a text that quotes the rest of it.
    """
    ignored = np.zeros(index.gram_count, dtype=np.bool_)
    if common is not None:
        ignored = counts > max(common.documents, common.share * documents)
    items = len(np.unique(index.part_item))
    weight = np.minimum(_idf(counts, documents), _idf(index.items_with.astype(np.int64), items))
    weight = np.where(ignored, 0.0, weight).astype(np.float32)
    token, seen, share = _tokens(index.first_token, index.token_gram, index.n, weight, counts, ignored)
    return Weights(ignored, weight, token, seen, share)


def _idf(counts: NDArray[np.int64], total: int) -> NDArray[np.float64]:
    most = np.log(max(total, _FEWEST) + 1.0)
    weight: NDArray[np.float64] = np.maximum(0.0, most - np.log(np.maximum(counts, 1))) / most
    return weight


@njit(cache=True)
def _tokens(
    first: Offsets,
    token_gram: NDArray[np.int32],
    n: int,
    weight: NDArray[np.float32],
    counts: NDArray[np.int64],
    ignored: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
    tokens = np.zeros(len(token_gram), dtype=np.float32)
    seen = np.zeros(len(token_gram), dtype=np.bool_)
    share = np.zeros(len(first) - 1, dtype=np.float64)
    for part in range(len(first) - 1):
        grams = dropped = 0
        for i in range(first[part], first[part + 1]):
            total = np.float32(0.0)
            over = 0
            for j in range(max(first[part], i - n + 1), i + 1):
                gram = token_gram[j]
                if gram >= 0:
                    total += weight[gram]
                    over += 1
                    if counts[gram] and not ignored[gram]:
                        seen[i] = True
            if over:
                tokens[i] = total / over
            if token_gram[i] >= 0:
                grams += 1
                dropped += ignored[token_gram[i]]
        if grams:
            share[part] = dropped / grams
    return tokens, seen, share
