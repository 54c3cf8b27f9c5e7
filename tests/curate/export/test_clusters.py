from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from curate.ask.finished import FinishedRun
from curate.export.clusters import cluster_keys, edges

from .conftest import NAMES, rows

_EDGES = {"left": pl.String, "right": pl.String}


def keys(ids: list[str], pairs: list[tuple[str, str]]) -> list[str]:
    return cluster_keys(pl.Series(ids, dtype=pl.String), pl.DataFrame(pairs, _EDGES, orient="row")).to_list()


def test_what_shares_anything_by_any_path_has_one_key() -> None:
    assert keys(["d", "c", "b", "a"], [("d", "text:1"), ("b", "text:1"), ("b", "set:2"), ("set:2", "gone")]) == [
        "b",
        "c",
        "b",
        "a",
    ]


def test_nothing_in_common() -> None:
    assert keys(["b", "a"], []) == ["b", "a"]
    assert keys([], [("x", "y")]) == []


def test_the_tables_of_a_run(opened: FinishedRun) -> None:
    found = edges([opened])
    assert found is not None
    ids = rows()["id"]
    key = cluster_keys(ids, found)
    for chain in range(100):
        assert len(set(key[3 * chain : 3 * chain + 3])) == 1
        assert key[3 * chain] == ids[3 * chain : 3 * chain + 3].min()
    assert (key[300:] == ids[300:]).all()
    assert key.n_unique() == len(NAMES) - 200


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20), st.randoms())
def test_keys_do_not_depend_on_any_order(pairs: list[tuple[int, int]], chance: object) -> None:
    ids = [f"{number:02d}" for number in range(10)]  # 10 to 12 are keys that documents share
    named = [(f"{left:02d}", f"{right:02d}") for left, right in pairs]
    plain = dict(zip(ids, keys(ids, named), strict=True))
    group = {name: {name} for name in {f"{number:02d}" for number in range(13)}}
    for left, right in named:
        merged = group[left] | group[right]
        for name in merged:
            group[name] = merged
    assert plain == {name: min(other for other in group[name] if other in ids) for name in ids}
    chance.shuffle(named)  # type: ignore[attr-defined]
    chance.shuffle(ids)  # type: ignore[attr-defined]
    assert dict(zip(ids, keys(ids, [(right, left) for left, right in named]), strict=True)) == plain
