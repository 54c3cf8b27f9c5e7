from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from curate.export.splits import assign, parse
from workbench.errors import UserError


def test_shares_by_name() -> None:
    assert parse("train=0.98, validation=0.01,test=0.01") == {"train": 0.98, "validation": 0.01, "test": 0.01}
    assert parse("train=1") == {"train": 1.0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train=0.9,test=0.2", "add up to 1.1"),
        ("train=0.5,train=0.5", "stands there twice"),
        ("train", "no share"),
        ("train=all", "no share"),
        ("train=nan", "no share"),
        ("train=1,test=0", "no share"),
        ("Train=1", "no name"),
        ("../train=1", "no name"),
        ("", "no name"),
        ("all=1", "no name"),
    ],
)
def test_what_is_no_share_is_named(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse(text)


def test_the_split_of_a_key_depends_on_it_and_the_seed_alone() -> None:
    keys = pl.Series([f"{number:032x}" for number in range(20_000)])
    shares = {"train": 0.8, "validation": 0.15, "test": 0.05}
    split = assign(keys, shares, 0)
    assert np.bincount(split) / len(split) == pytest.approx([0.8, 0.15, 0.05], abs=0.01)
    assert (assign(keys[::-1], shares, 0)[::-1] == split).all()
    assert (assign(keys[:100], shares, 0) == split[:100]).all()
    assert (assign(keys, shares, 1) != split).any()


def test_another_share_of_the_last_splits_leaves_the_first_alone() -> None:
    keys = pl.Series([f"{number:032x}" for number in range(1000)])
    one, two = (assign(keys, shares, 0) for shares in ({"train": 0.9, "test": 0.1}, {"train": 0.8, "test": 0.2}))
    assert set(np.flatnonzero(two == 0)) <= set(np.flatnonzero(one == 0))


def test_one_split_takes_all() -> None:
    assert assign(pl.Series(["a", "b"]), {"train": 1.0}, 0).tolist() == [0, 0]
