from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.config import Near
from curate.duplicates.normal import text_keys
from curate.duplicates.shingles import distinct, shingle_sets, shingles, tokens
from curate.segment import Segments, surfaces

WORDS = st.lists(st.sampled_from(["One", "two", "drei", "四", "5,0", "\n", " ", "नमस्ते", "É"]), max_size=40).map(
    " ".join
)


def nears() -> list[Near]:
    return [
        Near(shingle=kind, fold=fold, ngram=length)
        for kind in ("word", "char")
        for fold in ("lower", "fineweb")
        for length in (1, 3, 5)
    ]


def test_shingles_are_the_runs_of_words() -> None:
    segments = Segments(["The cat. The Cat sat", "cat", ""])
    near = Near(ngram=2)
    hashes, first = shingles(tokens(segments, near), 2)
    assert list(first) == [0, 4, 4, 4]
    # the cat, cat the, the cat, cat sat
    assert hashes[0] == hashes[2]
    assert len(set(hashes.tolist())) == 3
    sets, of = shingle_sets(segments, near)
    assert sets.tolist() == sorted(set(hashes.tolist()))
    assert list(of) == [0, 3, 3, 3]


def test_shingles_are_pinned() -> None:
    """Stored sets of other days must stay comparable."""
    sets, _ = shingle_sets(Segments(["Alle Menschen sind frei geboren"]), Near(ngram=4))
    assert sets.tolist() == [90104671, 1389638137]


@settings(deadline=None)  # the first call compiles
@given(st.lists(WORDS, max_size=4), st.integers(1, 6))
def test_as_many_shingles_as_distinct_runs(texts: list[str], length: int) -> None:
    segments = Segments(texts)
    _, first = shingle_sets(segments, Near(ngram=length))
    for d in range(len(texts)):
        words = [word.lower() for word in surfaces(segments.text, segments.words_uax29, d)]
        runs = {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}
        assert first[d + 1] - first[d] == len(runs)


@settings(deadline=None)  # the first call compiles
@given(st.lists(WORDS, min_size=1, max_size=4), st.sampled_from(nears()))
def test_a_document_has_its_shingles_in_any_batch(texts: list[str], near: Near) -> None:
    sets, first = shingle_sets(Segments(texts), near)
    for d, text in enumerate(texts):
        alone, _ = shingle_sets(Segments([text]), near)
        assert np.array_equal(sets[first[d] : first[d + 1]], alone)


@settings(deadline=None)  # the first call compiles
@given(st.text(st.sampled_from("aB .,\n\t    1०́ि‍Ĳß'_"), max_size=30), st.sampled_from(nears()))
def test_the_same_normalised_text_has_the_same_shingles(text: str, near: Near) -> None:
    other = text.swapcase().replace("\n", " \t")
    segments = Segments([text, other])
    first, second = text_keys(segments.text)
    if np.array_equal(first, second):
        sets, of = shingle_sets(segments, near)
        assert np.array_equal(sets[: of[1]], sets[of[1] :])


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 20), max_size=300), max_size=5))
def test_distinct_sorts_each_document(hashes: list[list[int]]) -> None:
    first = np.concatenate([[0], np.cumsum([len(h) for h in hashes], dtype=np.int64)]).astype(np.int64)
    flat = np.array([h for document in hashes for h in document], dtype=np.uint32)
    found, of = distinct(flat, first)
    assert [found[a:b].tolist() for a, b in pairwise(of)] == [sorted(set(h)) for h in hashes]


def test_distinct_of_a_long_document() -> None:
    hashes = np.random.RandomState(0).randint(0, 1 << 32, 100_000, dtype=np.uint32)
    hashes[::3] = 7
    assert np.array_equal(distinct(hashes.copy(), np.array([0, len(hashes)]))[0], np.unique(hashes))


def test_long_texts_have_few_accidental_collisions() -> None:
    words = np.random.RandomState(1).randint(0, 50, 60_000)
    segments = Segments([" ".join(f"w{word}" for word in words)])
    _, first = shingle_sets(segments, Near(ngram=3))
    runs = set(zip(words, words[1:], words[2:], strict=False))
    assert len(runs) - first[1] < 10  # n^2 / 2^33 = 0.8 expected


@pytest.mark.parametrize("near", nears())
def test_empty_batch(near: Near) -> None:
    sets, first = shingle_sets(Segments([]), near)
    assert len(sets) == 0
    assert list(first) == [0]
