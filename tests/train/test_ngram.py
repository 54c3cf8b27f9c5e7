"""N-gram models: probabilities that sum to one, against counting by hand and against a plain implementation."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.ngram import Ngram, bits_per_byte

VOCAB = 6
documents = st.lists(st.lists(st.integers(0, VOCAB - 2), min_size=1, max_size=12), min_size=1, max_size=6)


def packed(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    tokens = np.array([token for text in texts for token in text], dtype=np.uint16)
    return tokens, np.cumsum([0, *map(len, texts)]).astype(np.int64)


class Plain:
    """The formula of the module, with dictionaries."""

    def __init__(self, texts: list[list[int]], order: int) -> None:
        self.order, self.starts = order, ["<s>"] * max(order - 2, 0)
        occurrences: Counter[tuple] = Counter()
        for text in texts:
            whole = [*self.starts, *text]
            for i in range(len(self.starts) + 1, len(whole)):
                occurrences[tuple(whole[i - order + 1 : i + 1])] += 1
        self.counts = [occurrences]
        for _ in range(order - 1):
            left = defaultdict(set)
            for gram in self.counts[0]:
                left[gram[1:]].add(gram[0])
            self.counts.insert(0, Counter({gram: len(words) for gram, words in left.items()}))

    def discount(self, length: int, count: int) -> float:
        t = [sum(c == k for c in self.counts[length - 1].values()) for k in range(5)]
        fixed = [0, 0.5, 1, 1.5]
        if min(t[1:]) > 0:
            y = t[1] / (t[1] + 2 * t[2])
            found = [0, *(k - (k + 1) * y * t[k + 1] / t[k] for k in (1, 2, 3))]
            if all(0 <= d <= k for k, d in enumerate(found)):
                fixed = found
        return fixed[min(count, 3)]

    def p(self, history: list, word: int) -> float:
        length = len(history) + 1
        lower = self.p(history[1:], word) if history else 1 / VOCAB
        after = {g[-1]: c for g, c in self.counts[length - 1].items() if list(g[:-1]) == history}
        total = sum(after.values())
        if not total:
            return lower
        rest = sum(self.discount(length, c) for c in after.values()) / total
        own = after.get(word, 0)
        return (own - self.discount(length, own)) / total + rest * lower

    def logprobs(self, text: list[int]) -> list[float]:
        whole = [*self.starts, *text]
        rows = range(len(self.starts) + 1, len(whole))
        return [math.log(self.p(whole[i - self.order + 1 : i], whole[i])) for i in rows]


@settings(max_examples=60)
@given(documents, documents, st.integers(1, 4))
def test_as_counted_by_dictionaries(held_in: list[list[int]], held_out: list[list[int]], order: int) -> None:
    plain = Plain(held_in, order)
    expected = [value for text in held_out for value in plain.logprobs(text)]
    found = Ngram.fit(*packed(held_in), VOCAB, order).logprobs(*packed(held_out))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@settings(max_examples=60)
@given(documents, st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=6), st.integers(1, 5))
def test_probabilities_sum_to_one(held_in: list[list[int]], history: list[int], order: int) -> None:
    found = Ngram.fit(*packed(held_in), VOCAB, order).distribution(history)
    assert found.shape == (VOCAB,) and (found > 0).all()
    assert found.sum() == pytest.approx(1, abs=1e-12)


def test_sums_to_one_with_estimated_discounts() -> None:
    generator = np.random.default_rng(0)
    tokens = (generator.zipf(1.3, 20000) % 300).astype(np.uint16)
    first = np.arange(0, 20001, 100)
    model = Ngram.fit(tokens, first, 300, 5)
    assert all(tuple(each.discounts) != (0, 0.5, 1, 1.5) for each in model._orders[1:3])
    for history in ([3], [1, 1], [1, 2, 1, 1], [299, 5, 1, 1, 2, 7], list(tokens[200:206])):
        assert model.distribution(history).sum() == pytest.approx(1, abs=1e-12)


def test_a_bigram_by_hand() -> None:
    # After 0: 1 twice, 2 once; the fixed discounts .5 and 1. Below: 1 and 2 have one left word each, so p(w) is
    # (1 - .5) / 2 + .5 / 4 for them and .5 / 4 for the others.
    model = Ngram.fit(*packed([[0, 1], [0, 1], [0, 2]]), 4, 2)
    lower = [0.125, 0.375, 0.375, 0.125]
    rest = (1 + 0.5) / 3
    expected = [rest * lower[0], 1 / 3 + rest * lower[1], 0.5 / 3 + rest * lower[2], rest * lower[3]]
    assert model.distribution([0]) == pytest.approx(expected)
    assert model.distribution([3]) == pytest.approx(lower)
    assert model.sizes == [3, 2] and model.order == 2


def test_bits_per_byte_counts_all_but_the_first_token() -> None:
    held_in, held_out = packed([[0, 1, 1], [0, 2]]), packed([[0, 1], [0, 2, 1]])
    found = bits_per_byte(held_in, held_out, 8, VOCAB)
    for order in (2, 5):
        model = Ngram.fit(*held_in, VOCAB, order)
        assert len(model.logprobs(*held_out)) == 3
        assert found[order] == pytest.approx(-model.logprobs(*held_out).sum() / math.log(2) / 8)


def test_a_longer_history_helps_where_it_matters() -> None:
    text = [0, *([1, 2, 3, 1, 2, 4] * 20)]
    held = packed([text])
    found = bits_per_byte(held, packed([text[:13]]), 12, VOCAB)
    assert found[5] < found[2]


def test_empty_and_wrong_input() -> None:
    nothing = np.zeros(0, np.uint16), np.zeros(1, np.int64)
    assert Ngram.fit(*nothing, VOCAB, 3).distribution([1]) == pytest.approx(np.full(VOCAB, 1 / VOCAB))
    with pytest.raises(ValueError, match="outside the vocabulary"):
        Ngram.fit(*packed([[0, VOCAB]]), VOCAB)
    with pytest.raises(ValueError, match="at least one word"):
        Ngram.fit(*packed([[0]]), VOCAB, 0)
