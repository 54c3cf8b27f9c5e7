"""Domains without labels: clusters of alike texts, named by the words that set them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.classify import features
from curate.classify.model import batch_of, read_features

_DIMENSIONS = 64
_TERMS = 3
_NAMING = 150  # texts of a cluster that are read for its name


def cluster(texts: Sequence[str], wanted: int, seed: int) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the clusters, and the cluster of each text, int64[texts]; the same on every machine's thread count.

    k-means over hashed words, weighed by rarity and reduced to 64 dimensions (latent semantic analysis).
    """
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped, unused-ignore]
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize
    from threadpoolctl import threadpool_limits  # type: ignore[import-not-found, import-untyped, unused-ignore]

    rows = read_features(texts, [None] * len(texts), "words")
    documents = np.bincount(rows.slots, minlength=features.SLOTS)
    slots = np.flatnonzero((documents >= 2) & (documents <= max(2, len(texts) // 2)))
    column = np.full(features.SLOTS, -1, np.int64)
    column[slots] = np.arange(len(slots))
    keep = column[rows.slots] >= 0
    first = np.concatenate([[0], np.cumsum(keep)])[rows.first]
    kept = column[rows.slots[keep]]
    values = rows.values[keep] * np.log(len(texts) / documents[slots])[kept]
    matrix = normalize(csr_matrix((values, kept, first), shape=(len(texts), len(slots))))
    with threadpool_limits(1):
        dimensions = max(1, min(_DIMENSIONS, min(matrix.shape) - 1))
        dense = TruncatedSVD(dimensions, random_state=seed % 2**32).fit_transform(matrix)
        found = KMeans(wanted, n_init=4, random_state=seed % 2**32).fit_predict(normalize(dense))
    return _names(matrix, found, slots, texts, wanted), found.astype(np.int64)


def _names(
    matrix: Any, found: NDArray[np.int64], slots: NDArray[np.int64], texts: Sequence[str], wanted: int
) -> list[str]:
    whole = np.asarray(matrix.mean(axis=0)).ravel()
    names: list[str] = []
    for place in range(wanted):
        mine = np.flatnonzero(found == place)
        apart = np.asarray(matrix[mine].mean(axis=0)).ravel() - whole
        words = _surfaces([texts[at] for at in mine[:_NAMING]])
        best = (slots[at] for at in np.argsort(-apart, kind="stable"))
        terms = [words[slot] for slot in best if slot in words][:_TERMS]
        name = " ".join(terms) or "no words"
        names.append(name if name not in names else f"{name} {place}")
    return names


def _surfaces(texts: Sequence[str]) -> dict[int, str]:
    """The words of texts by their slot; words of one or two letters name nothing."""
    batch = batch_of(texts)
    text, words = batch.segments.text, batch.segments.words_uax29
    begin = np.arange(len(words.begin))
    rows = features.rows(batch.segments.lower_ids("words_uax29"), begin, begin + 1)
    found: dict[int, str] = {}
    for slot, start, stop in zip(rows.slots.tolist(), words.begin.tolist(), words.end.tolist(), strict=True):
        if slot not in found and stop - start > 2:
            found[slot] = text.slice(start, stop).lower()
    return found
