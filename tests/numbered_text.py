"""Contents made of numbers, so that a batch tells which tokens it holds."""

from __future__ import annotations

import numpy as np


class Numbers:
    """Document d holds the tokens 1000*d + 1, 1000*d + 2, ...; cut like pretraining text."""

    whole = False

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        self.lengths = np.maximum(np.asarray(sizes, np.int64) - 1, 0)

    def piece(self, doc, start, length):
        text = 1000 * doc + 1 + np.arange(self.sizes[doc])
        return text[start : start + length], text[start + 1 : start + length + 1]

    def labels(self, doc, length):
        return length

    def name(self, doc):
        return f"n{doc}"
