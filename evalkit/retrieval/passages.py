"""What a search through a corpus gives, whatever searches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from workbench.runs import Run

Told = Callable[[str, int, int], None]
"""Hears what is done, how much of it, and of how much."""


class Passage(NamedTuple):
    """A stretch of a document. score: higher is nearer."""

    id: str
    url: str | None
    score: float
    text: str


class Retriever(Protocol):
    """Whatever searches.

    run: the corpus. digest: of all that decides what is found, besides query and number. searched, documents: how many
    documents of the corpus are looked at, and how many it has.
    """

    run: Run
    digest: str
    searched: int
    documents: int

    def find(self, queries: Sequence[str], k: int, told: Told) -> list[list[Passage]]:
        """For each query at most `k` passages, of different documents, the best first; ties stand in the order of
        the corpus."""
        ...
