import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.minhash import EMPTY, permutations, signatures

HASHES = st.integers(0, 2**32 - 1)


def theirs(shingles: list[int], count: int, seed: int) -> list[int]:
    minhash = MinHash(count, seed=seed, hashfunc=int)
    minhash.update_batch(shingles)
    return list(minhash.hashvalues)


@pytest.mark.oracle
@settings(deadline=None)  # the first call compiles
@given(st.lists(st.lists(HASHES, max_size=70), max_size=4), st.integers(1, 300), st.sampled_from([0, 1, 42, 2**32 - 1]))
def test_signatures_are_those_of_datasketch(documents: list[list[int]], count: int, seed: int) -> None:
    first = np.concatenate([[0], np.cumsum([len(d) for d in documents], dtype=np.int64)]).astype(np.int64)
    flat = np.array([h for document in documents for h in document], dtype=np.uint32)
    found = signatures(flat, first, *permutations(count, seed))
    assert found.shape == (len(documents), count)
    assert found.tolist() == [theirs(document, count, seed) for document in documents]


@pytest.mark.oracle
def test_permutations_are_those_of_datasketch() -> None:
    assert np.array_equal(np.array(permutations(128, 7)), MinHash(128, seed=7).permutations)


def test_a_long_document() -> None:
    shingles = np.random.RandomState(3).randint(0, 1 << 32, 10_007, dtype=np.uint32)
    found = signatures(shingles, np.array([0, 10_007]), *permutations(112, 1))
    assert found[0].tolist() == theirs(shingles.tolist(), 112, 1)


def test_an_empty_set_has_the_largest_values() -> None:
    assert (signatures(np.empty(0, np.uint32), np.array([0, 0]), *permutations(5, 1)) == EMPTY).all()


def test_similarity_is_the_share_of_equal_values() -> None:
    shared = np.arange(600, dtype=np.uint32) * np.uint32(2654435761)
    other = np.arange(1000, 1200, dtype=np.uint32) * np.uint32(2654435761)
    flat = np.concatenate([shared, shared, other])
    left, right = signatures(flat, np.array([0, 600, 1400]), *permutations(4096, 1))
    assert abs(np.mean(left == right) - 0.75) < 4 * (0.75 * 0.25 / 4096) ** 0.5
