"""What is compared of a batch of documents: keys of text, address and shingle set, bands, and the sets themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from curate.duplicates.banding import band_keys, banding
from curate.duplicates.config import Duplicates
from curate.duplicates.minhash import permutations, signatures
from curate.duplicates.normal import hashed, text_keys
from curate.duplicates.shingles import Shingles, shingle_sets
from curate.duplicates.types import Signed
from curate.duplicates.urls import url_keys
from curate.segment import Segments
from curate.segment.types import Offsets


class Signer:
    """Signs batches by the settings of a recipe; what is not switched on costs nothing and has no keys."""

    def __init__(self, config: Duplicates) -> None:
        self._config = config
        self.bands = 0
        """Bands of every document: the width of `Signed.bands`."""
        if config.near.enabled:
            self.bands, self._rows, length = banding(config.near)
            a, b = permutations(length, config.near.seed)
            self._a, self._b = a[: self.bands * self._rows], b[: self.bands * self._rows]

    def sign(self, segments: Segments, urls: Sequence[str | None]) -> Signed:
        """Sign a batch; `urls` are the addresses of its documents."""
        docs = segments.text.docs
        text = text_keys(segments.text) if self._config.text else np.zeros((docs, 2), dtype=np.uint64)
        url = url_keys(urls) if self._config.url else np.zeros((docs, 2), dtype=np.uint64)
        if not self._config.near.enabled:
            none = np.zeros((docs, 2), dtype=np.uint64), np.zeros((docs, 0), dtype=np.uint64)
            nowhere = np.empty(0, dtype=np.uint32), np.zeros(docs + 1, dtype=np.int64)
            return Signed(text, url, *none, *nowhere, np.zeros(docs, dtype=np.bool_))
        shingles, first = shingle_sets(segments, self._config.near)
        oversized = np.diff(first) > self._config.near.max_shingles
        if oversized.any():
            shingles, first = _without(shingles, first, oversized)
        rows = signatures(shingles, first, self._a, self._b)
        bands = band_keys(rows, self.bands, self._rows)
        return Signed(text, url, set_keys(shingles, first), bands, shingles, first, oversized)


def set_keys(shingles: Shingles, first: Offsets) -> NDArray[np.uint64]:
    """128-bit hash of every document's shingles, uint64[docs, 2] (high half first); zeros where there are none."""
    keys = np.zeros((len(first) - 1, 2), dtype=np.uint64)
    bounds = first.tolist()
    for d, (begin, end) in enumerate(pairwise(bounds)):
        if begin < end:
            keys[d] = hashed(shingles[begin:end])
    return keys


def _without(shingles: Shingles, first: Offsets, left_out: NDArray[np.bool_]) -> tuple[Shingles, Offsets]:
    """The sets with some documents' emptied."""
    sizes = np.where(left_out, 0, np.diff(first))
    of = np.zeros(len(first), dtype=np.int64)
    np.cumsum(sizes, out=of[1:])
    return shingles[np.repeat(~left_out, np.diff(first))], of
