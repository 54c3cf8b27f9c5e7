"""How much two texts have in common: SQuAD's F1, ROUGE, and DROP's comparison of sets of spans."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_WORDS = re.compile(r"[^a-z0-9]+")
_DROP_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_DROP_SPLIT = re.compile(r" |-")
_PUNCTUATION = set(string.punctuation)


def token_f1(right: str, said: str) -> float:
    """Harmonic mean of precision and recall of the words, as SQuAD v1.1's script has it on normalised texts."""
    return _f(Counter(right.split()), Counter(said.split()))


def rouge_n(right: str, said: str, n: int) -> float:
    """ROUGE-N F-measure (Lin 2004), words as google's rouge-score cuts them without its stemmer."""
    return _f(_grams(_cut(right), n), _grams(_cut(said), n))


def rouge_l(right: str, said: str) -> float:
    """ROUGE-L F-measure: the longest common subsequence of the words of the whole texts."""
    a, b = _cut(right), _cut(said)
    if not a or not b:
        return 0.0
    row = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for place, other in enumerate(b, 1):
            before, row[place] = row[place], before + 1 if word == other else max(row[place], row[place - 1])
    precision, recall = row[-1] / len(b), row[-1] / len(a)
    return 2 * precision * recall / (precision + recall) if row[-1] else 0.0


def _cut(text: str) -> list[str]:
    return _WORDS.sub(" ", text.lower()).split()


def _grams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[place : place + n]) for place in range(len(words) - n + 1))


def _f(right: Counter[str] | Counter[tuple[str, ...]], said: Counter[str] | Counter[tuple[str, ...]]) -> float:
    common = (right & said).total()  # type: ignore[operator]
    if not common:
        return float(not right and not said)
    precision, recall = common / said.total(), common / right.total()
    return 2 * precision * recall / (precision + recall)


def drop(answers: Sequence[Sequence[str]], said: str) -> tuple[float, float]:
    """Exact match and F1 of an output against the best of several answers, each a set of spans (Dua et al. 2019).

    Spans are paired so that their F1 is largest; spans with numbers have to agree in one. F1 is rounded to two
    places, as allennlp's drop_eval.py does.
    """
    best = (0.0, 0.0)
    for answer in answers:
        spans = [span for span in answer if span.strip()]
        if spans:
            best = max(best, _drop(spans, [said]))
    return best


def _drop(right: Sequence[str], said: Sequence[str]) -> tuple[float, float]:
    import numpy as np
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped, unused-ignore]

    a, b = [_drop_words(span) for span in right], [_drop_words(span) for span in said]
    exact = {" ".join(words) for words in a} == {" ".join(words) for words in b} and len(a) == len(b)
    table = np.array([[_span_f1(set(x), set(y)) for y in b] for x in a])
    rows, columns = linear_sum_assignment(-table)
    total = float(table[rows, columns].sum())
    return float(exact), round(total / max(len(a), len(b)), 2)


def _span_f1(right: set[str], said: set[str]) -> float:
    numbers = {word for word in right if _is_number(word)}
    if numbers and not numbers & said:
        return 0.0
    common = len(right & said)
    precision = common / len(said) if said else 1.0
    recall = common / len(right) if right else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _drop_words(text: str) -> list[str]:
    words = []
    for part in _DROP_SPLIT.split(text):
        plain = part.lower()
        if not _is_number(plain):
            plain = "".join(character for character in plain if character not in _PUNCTUATION)
        plain = str(float(plain)) if _is_number(plain) else plain
        words.extend(_DROP_ARTICLES.sub(" ", plain).split())
    return words


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
