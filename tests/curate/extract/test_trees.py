"""Trees: they learn, they say the same for the same seed, and no file makes them walk out of themselves."""

from pathlib import Path

import numpy as np
import pytest

from curate.extract.learn.boost import Options, cut, grow
from curate.extract.winnow import columns, stack
from curate.extract.winnow.trees import Model, Trees, digest_of, load, save
from workbench.errors import Exit, UserError


def table(rows: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 9, (rows, width)).astype(np.float32)


def trees(width: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Trees]:
    """Rows, the label `first above 4 unless second above 4`, and trees that learned it."""
    rows = table(800, width)
    label = (rows[:, 0] > 4) ^ (rows[:, 1] > 4)
    options = Options(trees=30, depth=3, rate=0.3, rows=0.6, columns=1.0)
    found = grow(cut(rows), np.arange(800), label, np.ones(800), options, seed)
    return rows, label, found


def test_they_learn_what_takes_two_columns() -> None:
    rows, label, found = trees()
    assert ((found.scores(rows) > 0) == label).mean() > 0.97


def test_the_same_seed_gives_the_same_trees() -> None:
    first, again, other = trees()[2], trees()[2], trees(seed=1)[2]
    assert all(np.array_equal(a, b) for a, b in zip(first[:-1], again[:-1], strict=True))
    assert not np.array_equal(first.value, other.value)


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
        "version": content.replace(b'"features": 1', b'"features": 0'),
    }
    path.write_bytes(changes[what])
    with pytest.raises(UserError) as caught:
        load(path)
    assert caught.value.code == Exit.INPUT


@pytest.mark.parametrize("field", ["left", "right", "feature", "roots"])
def test_a_file_whose_trees_point_out_of_themselves_is_refused(tmp_path: Path, field: str) -> None:
    good = model()
    bad = np.array(getattr(good.first, field))
    bad[0] = 9999 if field != "roots" else 3
    path = tmp_path / "bad.model"
    save(good._replace(first=good.first._replace(**{field: bad})), path)
    with pytest.raises(UserError, match="points out of itself"):
        load(path)
