"""Units on disk: what is written comes back, in order, range by range."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.duplicates.store import KEYS, UnitWriter, read_keys, read_set, read_summary
from curate.duplicates.types import BAND, SET, TEXT, URL, Signed

HIGH = 2**64 - 1


def batch(text: list[int], sets: list[list[int]], bands: int = 2, oversized: tuple[int, ...] = ()) -> Signed:
    docs = len(text)
    keys = np.array([[key, key and 7] for key in text], np.uint64).reshape(docs, 2)
    set_keys = np.array([[sum(shingles), 1] if shingles else [0, 0] for shingles in sets], np.uint64).reshape(docs, 2)
    first = np.cumsum([0, *map(len, sets)])
    shingles = np.array([one for shingles in sets for one in shingles], np.uint32)
    over = np.zeros(docs, np.bool_)
    over[list(oversized)] = True
    band_keys = set_keys[:, :1] * np.arange(1, bands + 1, dtype=np.uint64)
    return Signed(keys, np.zeros((docs, 2), np.uint64), set_keys, band_keys, shingles, first, over)


def test_keys_come_back_sorted_and_documents_without_a_key_are_absent(tmp_path: Path) -> None:
    with UnitWriter(tmp_path, 2) as writer:
        writer.write(batch([HIGH, 5, 0], [[3, 9], [], [1]], oversized=(1,)))
        writer.write(batch([5], [[2, 4, 6]]))
    text = read_keys(tmp_path, TEXT)
    assert text.key.tolist() == [5, 5, HIGH]
    assert text.low.tolist() == [7, 7, 7]
    assert text.row.tolist() == [1, 3, 0]
    assert len(read_keys(tmp_path, URL).key) == 0
    assert read_keys(tmp_path, SET).row.tolist() == [2, 0, 3]
    band = read_keys(tmp_path, BAND + 1)
    assert (band.key.tolist(), band.low.tolist(), band.row.tolist()) == ([2, 24, 24], [0, 0, 0], [2, 0, 3])
    assert [read_set(tmp_path, row).tolist() for row in range(4)] == [[3, 9], [], [1], [2, 4, 6]]
    summary = read_summary(tmp_path)
    assert summary.docs == 4
    assert summary.keys == [3, 0, 3, 3, 3]
    assert (summary.shingles, summary.oversized) == (6, [1])


def test_a_range_of_keys_reads_its_row_groups_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    docs = 20_000
    keys = generator.integers(1, HIGH, (docs, 2), np.uint64, endpoint=True)
    none = np.zeros((docs, 2), np.uint64)
    empty = np.empty(0, np.uint32)
    with UnitWriter(tmp_path, 0) as writer:
        writer.write(Signed(keys, keys, none, none[:, :0], empty, np.zeros(docs + 1, np.int64), np.zeros(docs, bool)))
    assert max(pq.ParquetFile(tmp_path / KEYS).metadata.row_group(i).num_rows for i in range(6)) == 8192
    read: list[int] = []
    whole = pq.ParquetFile.read_row_groups
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_groups",
        lambda self, groups, **more: read.extend(groups) or whole(self, groups, **more),
    )
    begin, end = 2**63, 2**63 + 2**60
    found = read_keys(tmp_path, URL, begin, end)
    assert read in ([4], [3, 4], [4, 5])
    expected = np.flatnonzero((keys[:, 0] >= np.uint64(begin)) & (keys[:, 0] < np.uint64(end)))
    assert sorted(found.row.tolist()) == expected.tolist()
    assert np.array_equal(found.key, keys[found.row, 0])
    assert np.array_equal(found.low, keys[found.row, 1])
    pieces = [read_keys(tmp_path, TEXT, cut, cut + 2**62) for cut in range(0, 2**64, 2**62)]
    assert np.array_equal(np.concatenate([piece.row for piece in pieces]), read_keys(tmp_path, TEXT).row)


def test_the_cut_into_batches_leaves_no_trace(tmp_path: Path) -> None:
    texts, sets = [9, 0, 9, 4], [[1], [2], [], [1]]
    with UnitWriter(tmp_path / "one", 2) as writer:
        writer.write(batch(texts, sets))
    with UnitWriter(tmp_path / "two", 2) as writer:
        for i in range(4):
            writer.write(batch(texts[i : i + 1], sets[i : i + 1]))
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_an_empty_unit(tmp_path: Path) -> None:
    with UnitWriter(tmp_path, 3):
        pass
    assert read_summary(tmp_path).docs == 0
    assert len(read_keys(tmp_path, SET).key) == 0


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with UnitWriter(tmp_path, 2) as writer, pytest.raises(ValueError, match="bands of shape"):
        writer.write(batch([1], [[1]], bands=3))
    with pytest.raises(ValueError, match="more than"):
        UnitWriter(tmp_path, 254)
    digest = json.loads((tmp_path / "unit.json").read_text())["digest"]
    assert len(digest) == 32
