"""What the parts of the duplicate search hand to each other."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# The spaces of keys: two documents with one key of one space are candidates. Band b of the signatures is BAND + b.
TEXT, URL, SET, BAND = 0, 1, 2, 3


class Signed(NamedTuple):
    """What is compared of a batch of documents; a key of two zeros says that the document has none."""

    text: NDArray[np.uint64]  # [docs, 2] 128-bit hash of the normalised text
    url: NDArray[np.uint64]  # [docs, 2] 128-bit hash of the normalised address
    set: NDArray[np.uint64]  # [docs, 2] 128-bit hash of the shingle set; none when it is empty or too large
    bands: NDArray[np.uint64]  # [docs, bands] hash of each band's rows; meaningless where `set` is none
    shingles: NDArray[np.uint32]  # sorted distinct shingle hashes of all documents, one after the other
    first: NDArray[np.int64]  # [docs + 1] where each document's begin
    oversized: NDArray[np.bool_]  # [docs] more shingles than `max_shingles`


class SignedUnit(NamedTuple):
    """The signed documents of one work unit on disk; the documents of a search are numbered through its units."""

    directory: Path
    docs: int
    excluded: NDArray[np.uint32]  # sorted rows that take no part: cut by a limit, or records that came before
