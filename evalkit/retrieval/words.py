"""Passages by their words: BM25 over the search index of a corpus run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict

import polars as pl

from curate.ask.finished import FinishedRun
from curate.search.place import locate, opened, read_about
from curate.search.query import Filters, search
from evalkit.retrieval.passages import Passage, Told

_SYNTAX = re.compile(r'["-]')  # a question is no query that somebody typed: nothing in it leaves documents out
_KEPT = Filters(state="kept")


class Words:
    """See `evalkit.retrieval.passages.Retriever`. Only documents that the run kept are found.

    Raises UserError (exit 4) for a run without an index, or with one of an earlier state.
    """

    def __init__(self, corpus: FinishedRun, chars: int) -> None:
        self.run, self._chars = corpus.run, chars
        self._index = locate(corpus.path)
        with opened(self._index) as database:
            about = read_about(database, self._index)
        self.searched = search(self._index, "", _KEPT, 1).total
        self.documents = int(corpus.scan("documents").select(pl.len()).collect().item())
        self.digest = hashlib.sha256(json.dumps(["bm25", asdict(about)], sort_keys=True).encode()).hexdigest()

    def find(self, queries: Sequence[str], k: int, told: Told) -> list[list[Passage]]:
        """Documents with any of a query's words; equal queries are looked up once."""
        distinct = list(dict.fromkeys(queries))
        found: dict[str, list[Passage]] = {}
        for done, query in enumerate(distinct, 1):
            found[query] = self._one(query, k)
            told("looking for context", done, len(distinct))
        return [found[query] for query in queries]

    def _one(self, query: str, k: int) -> list[Passage]:
        asked = _SYNTAX.sub(" ", query)
        if not asked.strip():
            return []
        found = search(self._index, asked, _KEPT, k, any_word=True, snippet_chars=self._chars)
        # Without words of its own a query would find everything, each with a score of 0.
        return [Passage(hit.id, hit.url, hit.score, hit.snippet) for hit in found.hits if hit.score > 0]
