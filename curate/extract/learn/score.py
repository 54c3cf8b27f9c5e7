"""How well an extracted text agrees with what a page should give: by shingles of words, or by segments to find.

- Articles: precision and recall of 4-word shingles, averaged over pages, F1 of the two averages
  (scrapinghub/article-extraction-benchmark, evaluate.py).
- Segments: those that must and must not be in the text, counted over all pages (adbar/trafilatura, tests/).

Texts and segments are compared in Unicode's NFC and with white space as one blank.
"""

from __future__ import annotations

import random
import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Sequence

BOOTSTRAPS = 1000
_WORD = re.compile(r"\w+")

Shares = tuple[float, float]


def plain(text: str) -> str:
    """The text in NFC, every run of white space as one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def words(text: str) -> list[str]:
    """The words of a text in NFC, in order."""
    return _WORD.findall(plain(text))


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """The 4-word shingles of a text with their counts; a shorter text is one shingle."""
    found = words(text)
    grams = (tuple(found[i : i + 4]) for i in range(max(1, len(found) - 3)))
    return Counter(gram for gram in grams if gram)


def page_shares(text: str, truth: str) -> Shares:
    """Precision and recall of a page's shingles; -1 where there is no text, or no truth, to say anything of it."""
    found, wanted = shingles(text), shingles(truth)
    common = (found & wanted).total()
    return common / found.total() if found else -1.0, common / wanted.total() if wanted else -1.0


def mean_shares(rows: Sequence[Shares]) -> dict[str, float]:
    """Averages of precision and recall over the pages that have them, and the F1 of the averages."""
    precision = statistics.mean([row[0] for row in rows if row[0] >= 0] or [0.0])
    recall = statistics.mean([row[1] for row in rows if row[1] >= 0] or [0.0])
    return {"precision": precision, "recall": recall, "f1": f1(precision, recall)}


def score_articles(texts: Sequence[str], truths: Sequence[str]) -> dict[str, float]:
    """Averages over pages, and the standard deviation of F1 by bootstrap over them."""
    rows = [page_shares(text, truth) for text, truth in zip(texts, truths, strict=True)]
    dice = random.Random(0)
    sampled = [mean_shares(dice.choices(rows, k=len(rows)))["f1"] for _ in range(BOOTSTRAPS)]
    return mean_shares(rows) | {"f1_std": statistics.stdev(sampled)}


def count_segments(text: str, with_: Sequence[str], without: Sequence[str]) -> tuple[int, int, int]:
    """Segments that are rightly in a text, that are missed, and that are in it wrongly."""
    found = plain(text)
    right = sum(plain(segment) in found for segment in with_)
    return right, len(with_) - right, sum(plain(segment) in found for segment in without)


def score_segments(texts: Sequence[str], segments: Sequence[tuple[Sequence[str], Sequence[str]]]) -> dict[str, float]:
    """Counts over all pages of segments that are to be found, and of those that are not."""
    counts = [count_segments(text, *row) for text, row in zip(texts, segments, strict=True)]
    right, missed, wrong = (sum(row[k] for row in counts) for k in range(3))
    absent = sum(len(without) for _, without in segments) - wrong
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    accuracy = (right + absent) / max(1, right + missed + wrong + absent)
    return {"precision": precision, "recall": recall, "f1": f1(precision, recall), "accuracy": accuracy}


def f1(precision: float, recall: float) -> float:
    """The harmonic mean of two shares."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
