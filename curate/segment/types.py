"""The arrays every segmenter takes and gives. All offsets are code points into `Text.codes`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Offsets = NDArray[np.int64]
Ids = NDArray[np.uint64]
Counts = NDArray[np.int64]


class Text(NamedTuple):
    """A batch of documents as code points: document d is `codes[first[d]:first[d + 1]]`. `decode` makes them."""

    codes: Codes  # [chars], not writable
    first: Offsets  # [docs + 1]

    @property
    def docs(self) -> int:
        """Number of documents."""
        return len(self.first) - 1

    def slice(self, begin: int, end: int) -> str:
        """The text between two code point offsets; for messages and tests, not for loops."""
        return self.codes[begin:end].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


class Spans(NamedTuple):
    """Pieces of a batch: piece i is `codes[begin[i]:end[i]]`, those of document d are `first[d]:first[d + 1]`."""

    begin: Offsets  # [pieces]
    end: Offsets  # [pieces]
    first: Offsets  # [docs + 1]


class Words(NamedTuple):
    """Spans of words, with a 64-bit hash of each surface form."""

    begin: Offsets  # [words]
    end: Offsets  # [words]
    first: Offsets  # [docs + 1]
    ids: Ids  # [words]


def surfaces(text: Text, spans: Spans | Words, doc: int) -> list[str]:
    """The pieces of one document as strings; for messages and tests, not for loops."""
    return [
        text.slice(int(spans.begin[i]), int(spans.end[i]))
        for i in range(int(spans.first[doc]), int(spans.first[doc + 1]))
    ]
