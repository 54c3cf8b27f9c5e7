"""Passages by their embeddings: the dot product of a model's vectors of question and passage."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from curate.ask.finished import FinishedRun
from evalkit.retrieval.embed import Embedder, Vectors
from evalkit.retrieval.passages import Passage, Told
from workbench import manifest

_BLANK = re.compile(r"\s")
_ROWS = 1000  # documents in memory
_QUERIES = 16  # whose scores exist at a time


class Embedded:
    """See `evalkit.retrieval.passages.Retriever`. All documents that the run kept are cut into passages of at most
    `chars` characters and read once; of a document the nearest passage counts. Close it after use."""

    def __init__(self, corpus: FinishedRun, model: str, chars: int, root: Path) -> None:
        self.run, self._corpus, self._chars = corpus.run, corpus, chars
        self.searched = self.documents = int(corpus.scan("documents").select(pl.len()).collect().item())
        self._embedder = Embedder(model, root)
        named = ["embedding", manifest.digest(corpus.path), self._embedder.digest, chars]
        self.digest = hashlib.sha256(json.dumps(named).encode()).hexdigest()

    def find(self, queries: Sequence[str], k: int, told: Told) -> list[list[Passage]]:
        """Passages with the largest dot products."""
        places, vectors = self._read(told)
        distinct = list(dict.fromkeys(queries))
        asked = self._embedder.embed(distinct, lambda step, done, total: told("embedding questions", done, total))
        chosen: dict[str, list[tuple[int, float]]] = {}
        for begin in range(0, len(distinct), _QUERIES):
            scores = asked[begin : begin + _QUERIES].astype(np.float64) @ vectors.T.astype(np.float64)
            for query, row in zip(distinct[begin : begin + _QUERIES], scores, strict=True):
                chosen[query] = _best(row, places[:, 0], k)
        texts = self._texts({place for best in chosen.values() for place, _ in best}, places)
        return [[Passage(*texts[place][:2], score, texts[place][2]) for place, score in chosen[q]] for q in queries]

    def close(self) -> None:
        """Close the stored vectors."""
        self._embedder.close()

    def _read(self, told: Told) -> tuple[np.ndarray, Vectors]:
        """Row of the document, begin and end of every passage, int64 [passages, 3], and their vectors."""
        places: list[tuple[int, int, int]] = []
        parts: list[Vectors] = [np.zeros((0, self._embedder.size), np.float32)]
        for first, rows in self._documents():
            here = [(first + row, *span) for row, text in enumerate(rows["text"]) for span in _cut(text, self._chars)]
            texts = [_said(rows["text"][row - first], begin, end) for row, begin, end in here]
            parts.append(self._embedder.embed(texts, lambda step, done, total: None))
            places += here
            told("embedding the corpus", first + rows.height, self.documents)
        return np.array(places, np.int64).reshape(-1, 3), np.concatenate(parts)

    def _documents(self) -> Iterator[tuple[int, pl.DataFrame]]:
        table = self._corpus.scan("documents").select("id", "url", pl.col("text").fill_null(""))
        for first in range(0, self.documents, _ROWS):
            yield first, table.slice(first, _ROWS).collect()

    def _texts(self, wanted: set[int], places: np.ndarray) -> dict[int, tuple[str, str | None, str]]:
        """Id, URL and text of passages, by their number."""
        rows = sorted({int(places[place, 0]) for place in wanted})
        table = self._corpus.scan("documents").select("id", "url", "text").with_row_index("row")
        found = {row["row"]: row for row in table.filter(pl.col("row").is_in(rows)).collect().to_dicts()}
        texts = {}
        for place in wanted:
            row, begin, end = map(int, places[place])
            texts[place] = found[row]["id"], found[row]["url"], _said(found[row]["text"], begin, end)
        return texts


def _best(scores: np.ndarray, rows: np.ndarray, k: int) -> list[tuple[int, float]]:
    """Passage and score of the best passages of `k` documents; of equal ones the first."""
    found: dict[int, tuple[int, float]] = {}
    for place in np.argsort(-scores, kind="stable"):
        if len(found) == k:
            break
        found.setdefault(int(rows[place]), (int(place), float(scores[place])))
    return list(found.values())


def _cut(text: str, chars: int) -> Iterator[tuple[int, int]]:
    """Begin and end of passages that cover the text, cut at a blank where one stands in the second half."""
    begin = 0
    while begin < len(text):
        end = min(begin + chars, len(text))
        if end < len(text):
            blanks = [match.end() for match in _BLANK.finditer(text, begin + chars // 2, end)]
            end = blanks[-1] if blanks else end
        if text[begin:end].strip():
            yield begin, end
        begin = end


def _said(text: str, begin: int, end: int) -> str:
    """As passages of a search stand: on one line."""
    return _BLANK.sub(" ", text[begin:end]).strip()
