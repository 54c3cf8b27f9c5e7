"""Sorted runs: ranges, cuts, and pieces of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates import runs
from curate.duplicates.runs import TOP, RunWriter, contains, count, cuts, distinct, gather, read

ROW = np.dtype([("key", "<u8"), ("value", "<u4")])


def rows(keys: list[int]) -> np.ndarray:
    made = np.zeros(len(keys), ROW)
    made["key"] = keys
    made["value"] = np.arange(len(keys))
    return made


KEYS = st.lists(st.integers(0, 50) | st.just(TOP - 1), max_size=40).map(sorted)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(KEYS, max_size=4), max_size=3), st.integers(0, 52), st.integers(0, 52), st.integers(1, 30))
def test_ranges_and_cuts(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[list[int]]], one: int, two: int, size: int
) -> None:
    begin, end = min(one, two), max(one, two)
    folder = tmp_path_factory.mktemp("runs")
    paths = [folder / f"{number}.run" for number in range(len(files))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "SAMPLE", 4)
        for path, file in zip(paths, files, strict=True):
            with RunWriter(path, ROW) as writer:
                for keys in file:
                    writer.append(rows(keys[: len(keys) // 2]))
                    writer.append(rows(keys[len(keys) // 2 :]))
                    writer.end()
        every = [key for file in files for keys in file for key in keys]
        assert count(paths) == len(every)
        assert read(paths, ROW)["key"].tolist() == every
        assert read(paths, ROW, begin, end)["key"].tolist() == [key for key in every if begin <= key < end]
        ranges = cuts(paths, size)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == TOP
    assert [low for low, _ in ranges[1:]] == [high for _, high in ranges[:-1]]
    parts = [read(paths, ROW, *span)["key"].tolist() for span in ranges]
    assert sorted(key for part in parts for key in part) == sorted(every)


def test_cuts_follow_the_rows_not_the_keys(tmp_path: Path) -> None:
    keys = [1] * 10 + list(range(2, 30_000)) + [2**60]
    with RunWriter(tmp_path / "a.run", ROW) as writer:
        writer.append(rows(keys))
    sizes = [len(read([tmp_path / "a.run"], ROW, *span)) for span in cuts([tmp_path / "a.run"], 8192)]
    assert sizes[:-1] == [8192] * 3
    assert sum(sizes) == len(keys)


def test_nothing_is_left_of_a_writer_that_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), RunWriter(tmp_path / "a.run", ROW):
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["a.run"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 60)), max_size=20))
def test_gathered_pieces(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]) -> None:
    data = np.random.default_rng(1).integers(0, 256, 200_000, np.uint8)
    path = tmp_path_factory.getbasetemp() / "gathered.bin"
    data.tofile(path)
    length = np.array([size for _, size in steps], np.int64)
    begin = np.cumsum(np.array([gap for gap, _ in steps], np.int64)) + np.cumsum(length) - length
    out = np.empty(int(length.sum()), np.uint8)
    with path.open("rb") as file:
        gather(file.fileno(), begin, length, out)
    pieces = [data[low : low + size] for low, size in zip(begin, length, strict=True)]
    assert out.tolist() == np.concatenate([np.empty(0, np.uint8), *pieces]).tolist()


def test_a_file_that_is_too_short(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"abc")
    with (tmp_path / "short").open("rb") as file, pytest.raises(EOFError, match="ends at 3 where 7"):
        gather(file.fileno(), np.array([2]), np.array([5]), np.empty(5, np.uint8))


@given(st.lists(st.integers(0, 20)), st.lists(st.integers(0, 20)))
def test_sets_of_integers(one: list[int], two: list[int]) -> None:
    ascending = distinct(np.array(one, np.uint64))
    assert ascending.tolist() == sorted(set(one))
    assert contains(ascending, np.array(two, np.uint64)).tolist() == [value in one for value in two]
