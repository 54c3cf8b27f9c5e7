"""The tables of a segment, and keys as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates import store

# What a run tells of a document; `row` is its number in the segment, which deletions of others do not change.
FACTS: dict[str, Any] = {
    "row": pl.UInt32,
    "id": pl.String,
    "url": pl.String,
    "host": pl.String,
    "date": pl.String,
    "chars": pl.Int64,
    "file": pl.String,
    "run": pl.Int64,  # number in `index.json`
    "shard": pl.String,  # file of the run that holds the text, and the row there
    "shard_row": pl.Int64,
    "removed_by_run": pl.Boolean,  # whether the run itself dropped it as a duplicate
}
# 32 hex digits each; null where a document has none.
KEYS: dict[str, Any] = {"text": pl.String, "url_key": pl.String, "set": pl.String}
SURVIVOR, DUPLICATE = "survivor", "duplicate"
STATE: dict[str, Any] = {
    "state": pl.String,
    "kept_id": pl.String,  # of a duplicate: the survivor it was compared with
    "method": pl.String,  # text | near | url
    "jaccard": pl.Float64,
    "containment": pl.Float64,
}
# The measures that the order of survivors reads follow these columns.
DOCUMENTS = {**FACTS, **KEYS, **STATE}

PAIRS: dict[str, Any] = {
    "left": pl.String,
    "right": pl.String,
    "left_size": pl.Int64,
    "right_size": pl.Int64,
    "shared": pl.Int64,
    "jaccard": pl.Float64,
    "containment": pl.Float64,
}


def hex_keys(keys: NDArray[np.uint64]) -> pl.Series:
    """32 hex digits of each 128-bit key, uint64[n, 2]; null for the key of two zeros, which is none."""
    digits = store.hex_keys(keys[:, 0], keys[:, 1], np.asarray(keys.any(axis=1)))
    return pl.Series(pl.from_arrow(digits), dtype=pl.String)


def binary_keys(digits: Sequence[str | None] | pl.Series) -> NDArray[np.uint64]:
    """The 128-bit keys behind their hex digits, uint64[n, 2]; zeros for null."""
    text = "".join("0" * 32 if one is None else one for one in digits)
    return np.frombuffer(bytes.fromhex(text), ">u8").astype(np.uint64).reshape(-1, 2)
