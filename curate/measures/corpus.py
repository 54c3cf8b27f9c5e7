"""Measures against the whole corpus, for which the run exchanges counts between its two passes.

`cross_entropy` is the unigram cross-entropy of a document's lower-cased UAX-29 words under the distribution of the
run's own words, in bits per word: high where the words are unusual (word salad, other alphabets, tables of codes), low
where a few frequent words repeat. Words are hashed into 2**20 buckets; the counts are whole numbers, so their sum does
not depend on the order of the units. Smoothing is additive: p(bucket) = (count + 1/2) / (total + buckets / 2).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment import Segments

BUCKET_BITS = 20
BUCKETS = 1 << BUCKET_BITS
SMOOTHING = 0.5


def unigram_counts(segments: Segments) -> NDArray[np.uint32]:
    """How often each bucket of words occurs in a batch, uint32[BUCKETS]; add them over batches and units."""
    buckets = segments.lower_ids("words_uax29") >> np.uint64(64 - BUCKET_BITS)
    return np.bincount(buckets.astype(np.int64), minlength=BUCKETS).astype(np.uint32)


def cross_entropy(segments: Segments, totals: NDArray[np.integer]) -> NDArray[np.float64]:
    """Bits per word of each document under the summed counts of the run, float64[docs]; 0.0 without words."""
    ids, first = segments.lower_ids("words_uax29"), segments.words_uax29.first
    return _cross_entropy(ids, first, np.ascontiguousarray(totals, dtype=np.int64))


@njit(cache=True)
def _cross_entropy(ids, first, totals):  # type: ignore[no-untyped-def]  # a kernel
    docs = len(first) - 1
    out = np.zeros(docs, dtype=np.float64)
    whole = np.log2(totals.sum() + SMOOTHING * BUCKETS)
    for d in range(docs):
        bits = 0.0
        for i in range(first[d], first[d + 1]):
            bits += whole - np.log2(totals[ids[i] >> np.uint64(64 - BUCKET_BITS)] + SMOOTHING)
        if first[d + 1] > first[d]:
            out[d] = bits / (first[d + 1] - first[d])
    return out


def length_rank(lengths: NDArray[np.integer], class_lengths: NDArray[np.integer]) -> NDArray[np.float64]:
    """Mid-rank of each length among the sorted lengths of its class, between 0 and 1; float64[documents].

    The share of the class that is shorter plus half the share that is as long; 0.5 for all where all are equal.
    """
    below = np.searchsorted(class_lengths, lengths, side="left")
    up_to = np.searchsorted(class_lengths, lengths, side="right")
    return (below + up_to) / (2.0 * max(1, len(class_lengths)))
