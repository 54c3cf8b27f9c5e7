import numpy as np
import pytest

from curate.duplicates.banding import Banding, band_keys, banding, optimal, probability
from curate.duplicates.config import Near


@pytest.mark.parametrize(
    ("near", "expected"),
    [
        (Near(), Banding(14, 8, 112)),
        (Near(banding="olmo3"), Banding(26, 11, 286)),
        (Near(banding="20x5"), Banding(20, 5, 100)),
        (Near(banding="auto", threshold=0.8), Banding(9, 13, 128)),
    ],
)
def test_bandings_by_name(near: Near, expected: Banding) -> None:
    assert banding(near) == expected


@pytest.mark.oracle
@pytest.mark.parametrize("permutations", [16, 128, 200])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.95, 1.0])
def test_the_optimum_is_that_of_datasketch(threshold: float, permutations: int) -> None:
    from datasketch.lsh import _optimal_param

    assert optimal(threshold, permutations) == _optimal_param(threshold, permutations, 0.5, 0.5)


def test_published_probabilities() -> None:
    """FineWeb states 77 % at 0.75 and 92.4 % at 0.8."""
    assert probability(0.8, 14, 8) == pytest.approx(0.924, abs=5e-4)
    assert probability(0.75, 14, 8) == pytest.approx(0.772, abs=5e-4)
    assert probability(0.0, 14, 8) == 0
    assert probability(1.0, 14, 8) == 1


def test_keys_agree_where_the_rows_of_a_band_do() -> None:
    rows = np.random.RandomState(0).randint(0, 1 << 32, (3, 24), dtype=np.uint32)
    rows[1, :8] = rows[0, :8]
    rows[2, 8:16] = rows[0, :8]
    keys = band_keys(rows, 3, 8)
    assert keys[0, 0] == keys[1, 0] == keys[2, 1]
    assert len(np.unique(keys)) == 7
    swapped = band_keys(rows[:1, ::-1].copy(), 3, 8)
    assert not np.isin(swapped, keys).any()


def test_rows_after_the_last_band_do_not_matter() -> None:
    rows = np.random.RandomState(0).randint(0, 1 << 32, (2, 20), dtype=np.uint32)
    rows[1, :15] = rows[0, :15]
    keys = band_keys(rows, 3, 5)
    assert np.array_equal(keys[0], keys[1])
