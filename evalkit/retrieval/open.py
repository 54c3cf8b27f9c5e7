"""Opening the corpus that settings name, for as long as items are planned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evalkit.retrieval.passages import Retriever
from evalkit.retrieval.settings import Retrieve


@contextmanager
def opened(settings: Retrieve, root: Path) -> Iterator[Retriever]:
    """The retriever. Raises UserError (exit 4) for a corpus that is missing, unfinished or has no search index."""
    from curate.ask.finished import FinishedRun

    corpus = FinishedRun.open(settings.corpus, root)
    if settings.by == "bm25":
        from evalkit.retrieval.words import Words

        yield Words(corpus, settings.chars)
        return
    from evalkit.retrieval.vectors import Embedded

    assert settings.model is not None
    embedded = Embedded(corpus, settings.model, settings.chars, root)
    try:
        yield embedded
    finally:
        embedded.close()
