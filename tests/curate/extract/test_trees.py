"""Trees: they learn, they say the same for the same seed, and no file makes them walk out of themselves."""

from pathlib import Path

import numpy as np
import pytest

from curate.extract.learn.boost import Options, cut, grow, mean
from curate.extract.winnow import columns, stack
from curate.extract.winnow.trees import Model, Trees, digest_of, load, save
from workbench.errors import Exit, UserError


def table(rows: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 9, (rows, width)).astype(np.float32)


def trees(width: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Trees]:
    """Rows, the label `first above 4 unless second above 4`, and trees that learned it."""
    rows = table(800, width)
    label = (rows[:, 0] > 4) ^ (rows[:, 1] > 4)
    options = Options(trees=30, rate=0.3, rows=0.6, columns=1.0)
    found = grow(cut(rows), np.arange(800), label, np.ones(800), options, seed)
    return rows, label, found


def test_they_learn_what_takes_two_columns() -> None:
    rows, label, found = trees()
    assert ((found.scores(rows) > 0) == label).mean() > 0.97


def test_the_same_seed_gives_the_same_trees() -> None:
    first, again, other = trees()[2], trees()[2], trees(seed=1)[2]
    assert all(np.array_equal(a, b) for a, b in zip(first[:-1], again[:-1], strict=True))
    assert not np.array_equal(first.value, other.value)


def test_the_mean_of_trees_gives_the_mean_of_their_scores() -> None:
    rows, _, one = trees()
    other = trees(seed=1)[2]
    both = mean([one, other])
    assert len(both.feature) == len(one.feature) + len(other.feature)
    assert both.scores(rows) == pytest.approx((one.scores(rows) + other.scores(rows)) / 2, abs=1e-5)


def model() -> Model:
    one = trees()[2]
    return Model(one, one, {"limits": {"balanced": 0.0}})


def test_a_file_holds_the_model(tmp_path: Path) -> None:
    path = tmp_path / "some.model"
    assert save(model(), path) == digest_of(model())
    found = load(path)
    rows = table(50, columns.COUNT + stack.COUNT)
    assert np.array_equal(found.second.scores(rows), model().second.scores(rows))
    assert found.limits == {"balanced": 0.0}
    assert path.read_bytes() == (save(found, tmp_path / "again"), (tmp_path / "again").read_bytes())[1]


@pytest.mark.parametrize("what", ["empty", "cut", "changed", "version"])
def test_a_damaged_file_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "some.model"
    save(model(), path)
    content = path.read_bytes()
    changes = {
        "empty": b"",
        "cut": content[:-3],
        "changed": content[:-1] + bytes([content[-1] ^ 1]),
        "version": content.replace(f'"features": {columns.VERSION}'.encode(), b'"features": 0'),
    }
    path.write_bytes(changes[what])
    with pytest.raises(UserError) as caught:
        load(path)
    assert caught.value.code == Exit.INPUT


@pytest.mark.parametrize("column", [9999, -1])
def test_a_file_whose_trees_look_at_no_column_is_refused(tmp_path: Path, column: int) -> None:
    good = model()
    bad = np.array(good.first.feature)
    bad[0, 0] = column
    path = tmp_path / "bad.model"
    save(good._replace(first=good.first._replace(feature=bad)), path)
    with pytest.raises(UserError, match="a column that there is not"):
        load(path)


def test_a_header_that_promises_more_trees_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.model"
    save(model(), path)
    path.write_bytes(path.read_bytes().replace(b'"trees": [30, 30]', b'"trees": [30, 90]'))
    with pytest.raises(UserError, match="does not fit"):
        load(path)


def test_leaves_are_those_of_a_walk() -> None:
    rows, _, found = trees()
    walked = np.full(len(rows), found.start)
    for feature, threshold, value in zip(found.feature, found.threshold, found.value, strict=True):
        for at, row in enumerate(rows):
            node = 0
            while node < len(feature):
                node = 2 * node + 1 + int(row[feature[node]] > threshold[node])
            walked[at] += value[node - len(feature)]
    assert np.array_equal(found.scores(rows), walked.astype(np.float32))
