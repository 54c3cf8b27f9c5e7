"""Precision and recall of a variant on a labelled corpus; a pair of document and question is right or wrong."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from curate.contamination.match import Matcher
from curate.contamination.match_index import Part
from curate.contamination.variants import Variant


class Score(NamedTuple):
    """Pairs that are there and found, found and not there, there and not found, each by case of the document."""

    right: Counter[str]
    wrong: Counter[str]
    missed: Counter[str]

    @property
    def precision(self) -> float:
        """Share of what was found that is there."""
        return self.right.total() / max(self.right.total() + self.wrong.total(), 1)

    @property
    def recall(self) -> float:
        """Share of what is there that was found."""
        return self.right.total() / max(self.right.total() + self.missed.total(), 1)


def score(parts: list[Part], texts: list[str], cases: list[str], holds: list[set[int]], variant: Variant) -> Score:
    """`holds` are the items that each document holds, `cases` what is counted by."""
    matcher = Matcher.of(parts, variant)
    seen = matcher.see(texts)
    weights = matcher.weigh(matcher.count(seen), len(texts))
    hits = matcher.hits(seen, weights, lambda rows: [texts[row] for row in rows])
    found: list[set[int]] = [set() for _ in texts]
    for doc, part, hit in zip(hits.doc.tolist(), hits.part.tolist(), hits.hit.tolist(), strict=True):
        if hit and parts[part].kind == "question":
            found[doc].add(parts[part].item)
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for there, ours, case in zip(holds, found, cases, strict=True):
        right[case] += len(there & ours)
        wrong[case] += len(ours - there)
        missed[case] += len(there - ours)
    return Score(right, wrong, missed)
