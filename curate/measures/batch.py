"""What a measure gets: one batch of documents, segmented once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.segment import Segments, classes

T = TypeVar("T")


@dataclass
class Batch:
    """Texts of one version with their segments and what is known of each page; every list has one entry a document."""

    segments: Segments
    texts: list[str]
    urls: list[str | None]
    hosts: list[str | None]
    langs: list[str | None]
    _views: dict[Callable[[Batch], Any], Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def docs(self) -> int:
        """Number of documents."""
        return len(self.texts)

    def once(self, view: Callable[[Batch], T]) -> T:
        """`view(self)`, computed when first asked for: what several families read is made once a batch."""
        if view not in self._views:
            self._views[view] = view(self)
        return self._views[view]


def lower(batch: Batch) -> NDArray[np.uint32]:
    """The code points of the batch in lower case, one for one (U+0130 stays itself)."""
    return _lower(batch.segments.text.codes, classes().lower)


@njit(cache=True)
def _lower(codes, table):  # type: ignore[no-untyped-def]  # a kernel
    out = np.empty(len(codes), dtype=np.uint32)
    for at in range(len(codes)):
        out[at] = table[codes[at]]
    return out


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """part / whole in float64, 0.0 where whole is 0."""
    out = np.zeros(len(part), dtype=np.float64)
    np.divide(part, whole, out=out, where=whole != 0)
    return out
