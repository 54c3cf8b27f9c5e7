"""The matcher: texts in, hits out, by any variant. It knows neither runs nor files.

Two looks at the documents: `see` finds the n-grams that some item has, in one pass; when the documents' counts are
known (`count`, `weigh`), `hits` reads again only those texts that may hold an item.

    matcher = Matcher.of(items, load_variant("winnow"))
    seen = matcher.see(texts)
    weights = matcher.weigh(matcher.count(seen), len(texts))
    hits = matcher.hits(seen, weights, lambda rows: [texts[row] for row in rows])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.contamination.match_align import Aligned, Windows, align, align_flat, windows
from curate.contamination.match_index import Index, Part, build
from curate.contamination.match_runs import Runs, runs
from curate.contamination.match_scan import Seen, document_counts, scan
from curate.contamination.match_tokens import tokens
from curate.contamination.match_weights import Weights, weigh
from curate.contamination.variants import Variant
from curate.segment import Segments, Words
from curate.segment.decode import Texts

# Below this nothing is reported, not even as the best document of an item.
NEAR = 0.3
# An answer counts as found when this share of it stands beside its question.
ANSWER = 0.6
_VARIANT = "variant.json"
_SHORT, _LONG = 12.0, 40.0  # words between which the threshold of `aligned` falls


class Hits(NamedTuple):
    """Where documents hold parts of items; rows below the threshold are near misses (`hit` is false)."""

    doc: NDArray[np.int64]  # [hits] row of the batch
    part: NDArray[np.int64]  # [hits] part of the index
    start: NDArray[np.int64]  # code points of the document
    end: NDArray[np.int64]
    item_start: NDArray[np.int64]  # code points of the part's text
    item_end: NDArray[np.int64]
    score: NDArray[np.float64]
    length: NDArray[np.int64]  # tokens that match
    hit: NDArray[np.bool_]
    beside: NDArray[np.int64]  # for an answer found beside its question: that row; else -1


class Matcher:
    """An index and the variant that reads it."""

    def __init__(self, index: Index, variant: Variant) -> None:
        self.index = index
        self.variant = variant
        self.threshold = _thresholds(index, variant)  # [parts]
        # Parts that are long enough, and not one phrase over and over, to be told from chance; bool[parts].
        least = max(variant.ngram, variant.least_words)
        self.testable = index.distinct_grams() >= least - variant.ngram + 1
        self._answer_of = np.full(int(index.part_item.max(initial=-1)) + 1, -1, dtype=np.int64)
        later = np.flatnonzero(np.diff(index.part_item, prepend=-1) == 0)
        self._answer_of[index.part_item[later]] = later  # question first, then its answer

    @classmethod
    def of(cls, parts: Sequence[Part], variant: Variant) -> Matcher:
        """Index the parts, each item's question before its answer."""
        return cls(build(parts, variant.tokens, variant.ngram), variant)

    def save(self, directory: Path) -> None:
        """Files from which other processes load the same matcher."""
        self.index.save(directory)
        (directory / _VARIANT).write_text(self.variant.model_dump_json(), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Matcher:
        """What `save` wrote; workers on one machine share its pages."""
        return cls(Index.load(directory), Variant.model_validate_json((directory / _VARIANT).read_bytes()))

    def see(self, texts: Texts | Segments) -> Seen:
        """The first look at a batch."""
        return scan(self.index, self._tokens(texts))

    def count(self, seen: Seen) -> NDArray[np.int64]:
        """In how many documents each n-gram of the index stands, int64[grams]; counts of batches add up."""
        return document_counts(seen, self.index.gram_count)

    def weigh(self, counts: NDArray[np.int64], documents: int) -> Weights:
        """Weights from the counts over the whole corpus of so many documents."""
        return weigh(self.index, counts, documents, self.variant.common)

    def covered(self, weights: Weights) -> NDArray[np.float64]:
        """Share of each part's tokens that stand in n-grams of the corpus, all documents together, float64[parts]."""
        first = self.index.first_token
        sums = np.concatenate([[0], np.cumsum(weights.seen)])
        share: NDArray[np.float64] = (sums[first[1:]] - sums[first[:-1]]) / np.maximum(np.diff(first), 1)
        return share

    def hits(self, seen: Seen, weights: Weights, texts: Callable[[list[int]], Texts]) -> Hits:
        """The second look; `texts` gives the texts of the rows of the batch that it is asked for."""
        look = self._aligned if self.variant.method == "aligned" else self._by_runs
        return look(seen, weights, texts)

    def _tokens(self, texts: Texts | Segments) -> Words:
        return tokens(texts if isinstance(texts, Segments) else Segments(texts), self.variant.tokens)

    def _by_runs(self, seen: Seen, weights: Weights, texts: Callable[[list[int]], Texts]) -> Hits:
        found = runs(self.index, seen, ~weights.ignored)
        score = found.longest if self.variant.method == "longest" else found.covered
        testable = self.testable[found.part]
        keep = testable & ((score >= NEAR) | (self.variant.method == "any"))
        found = Runs._make(column[keep] for column in found)
        score = score[keep]
        where, words, base = self._read(found.doc, texts)
        start = words.begin[words.first[where] + found.begin] - base[where]
        end = words.end[words.first[where] + found.end - 1] - base[where]
        hit = score > 0 if self.variant.method == "any" else score >= self.variant.threshold
        if self.variant.least_characters:
            pairs = where * self.index.parts + found.part
            hit &= np.isin(pairs, pairs[end - start >= self.variant.least_characters])
        return self._hits(
            found.doc, found.part, start, end, found.item_begin, found.item_end, score, found.end - found.begin, hit
        )

    def _aligned(self, seen: Seen, weights: Weights, texts: Callable[[list[int]], Texts]) -> Hits:
        asked = windows(self.index, seen, weights)
        asked = _filtered(asked, self.testable[asked.part])
        where, words, base = self._read(asked.doc, texts)
        local = asked._replace(doc=where)
        found = align(self.index, weights, local, words.ids, words.first)
        keep = found.score >= NEAR
        asked, local = _filtered(asked, keep), _filtered(local, keep)
        found = Aligned._make(column[keep] for column in found)
        question = self._placed(asked, local, found, words, base, found.score >= self.threshold[asked.part])
        beside, of = self._answers(asked, local, found, words, base)
        answer = beside._replace(hit=question.hit[of], beside=of)
        return Hits._make(np.concatenate(columns) for columns in zip(question, answer, strict=True))

    def _answers(
        self, asked: Windows, local: Windows, found: Aligned, words: Words, base: NDArray[np.int64]
    ) -> tuple[Hits, NDArray[np.int64]]:
        """Answers that stand soon after, or just before, the question that was found; and the rows of the questions."""
        item = self.index.part_item[asked.part]
        answer = self._answer_of[item] if len(item) else np.empty(0, dtype=np.int64)
        of = np.flatnonzero((answer >= 0) & (answer != asked.part))
        part = answer[of].astype(np.int32)
        length = np.diff(self.index.first_token)[part]
        after = Windows(local.doc[of], part, found.end[of], found.end[of] + 60 + 2 * length)
        before = Windows(local.doc[of], part, found.begin[of] - 20 - length, found.begin[of])
        one = align_flat(self.index, after, words.ids, words.first)
        two = align_flat(self.index, before, words.ids, words.first)
        better = two.score > one.score
        best = Aligned._make(np.where(better, there, here) for here, there in zip(one, two, strict=True))
        keep = best.score >= ANSWER
        chosen = Windows(asked.doc[of], part, after.begin, after.end)
        placed = self._placed(
            _filtered(chosen, keep),
            _filtered(after, keep),
            Aligned._make(column[keep] for column in best),
            words,
            base,
            np.ones(int(keep.sum()), dtype=np.bool_),
        )
        return placed, of[keep]

    def _read(
        self, docs: NDArray[np.int64], texts: Callable[[list[int]], Texts]
    ) -> tuple[NDArray[np.int64], Words, NDArray[np.int64]]:
        """The documents named, each read once: where each of `docs` stands among them, their tokens and bases."""
        rows, where = np.unique(docs, return_inverse=True)
        segments = Segments(texts(rows.tolist()) if len(rows) else [])
        return where, self._tokens(segments), segments.text.first[:-1]

    def _placed(
        self,
        asked: Windows,
        local: Windows,
        found: Aligned,
        words: Words,
        base: NDArray[np.int64],
        hit: NDArray[np.bool_],
    ) -> Hits:
        at = words.first[local.doc]
        start = words.begin[at + found.begin] - base[local.doc]
        end = words.end[at + found.end - 1] - base[local.doc]
        return self._hits(
            asked.doc, asked.part, start, end, found.item_begin, found.item_end, found.score, found.matched, hit
        )

    def _hits(
        self,
        doc: NDArray[np.int64],
        part: NDArray[np.int32],
        start: NDArray[np.int64],
        end: NDArray[np.int64],
        item_begin: NDArray[np.int64],
        item_end: NDArray[np.int64],
        score: NDArray[np.float64],
        length: NDArray[np.int64],
        hit: NDArray[np.bool_],
    ) -> Hits:
        """Token places of the items become code points."""
        first = self.index.first_token[part]
        item_start = self.index.begin[first + item_begin]
        stop = self.index.end[first + item_end - 1]
        alone = np.full(len(doc), -1, dtype=np.int64)
        return Hits(doc, part.astype(np.int64), start, end, item_start, stop, score, length, hit, alone)


def _filtered(where: Windows, keep: NDArray[np.bool_]) -> Windows:
    return Windows._make(column[keep] for column in where)


def _thresholds(index: Index, variant: Variant) -> NDArray[np.float64]:
    """The score that each part needs, float64[parts]: milder for longer parts where the variant says so."""
    low, high = variant.threshold, variant.threshold_short
    if high is None:
        return np.full(index.parts, low)
    sums = np.concatenate([[0.0], np.cumsum(index.importance, dtype=np.float64)])
    words = sums[index.first_token[1:]] - sums[index.first_token[:-1]]
    share = np.clip((words - _SHORT) / (_LONG - _SHORT), 0, 1)
    threshold: NDArray[np.float64] = high + (low - high) * share
    return threshold
