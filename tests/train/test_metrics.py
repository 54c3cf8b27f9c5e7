"""Tables that grow: each step once, whatever was cut off, and columns that come later."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest

from train import metrics
from train.metrics import METRICS, Growing


def _table(directory: Path, steps: range, **more: float) -> Growing:
    table = Growing(directory, METRICS)
    for step in steps:
        table.append({"step": step, "kind": "train", "loss": step / 10, **more})
    return table


def test_the_newest_part_grows_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "PART_ROWS", 4)
    table = Growing(tmp_path, METRICS)
    for step in range(1, 11):
        table.append({"step": step, "kind": "train", "loss": 0.5})
        table.flush()
        assert pl.read_parquet(tmp_path)["step"].to_list() == list(range(1, step + 1))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"part-{first:09d}.parquet" for first in (1, 5, 9)]


@pytest.mark.parametrize("step", [0, 3, 4, 7, 10])
def test_rewinding_forgets_what_came_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(metrics, "PART_ROWS", 4)
    _table(tmp_path, range(1, 11)).flush()
    (tmp_path / "part-000000001.parquet.tmp-7").touch()
    again = Growing(tmp_path, METRICS)
    again.rewind(step)
    again.append({"step": step + 1, "kind": "train", "loss": 9.0})
    again.flush()
    found = pl.read_parquet(tmp_path)
    assert found["step"].to_list() == list(range(1, step + 2))
    assert found["loss"][-1] == 9.0


def test_a_new_number_is_a_new_column_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "PART_ROWS", 2)
    table = _table(tmp_path, range(1, 5))
    table.flush()
    table.append({"step": 5, "kind": "train", "loss": 0.1, "reward": 1.5, "note": "late"})
    table.flush()
    found = pl.read_parquet(tmp_path)
    assert found["reward"].to_list() == [None, None, None, None, 1.5]
    assert found["note"].to_list() == [None, None, None, None, "late"]
    again = Growing(tmp_path, METRICS)
    again.rewind(5)
    again.append({"step": 6, "kind": "train", "loss": 0.1})
    again.flush()
    assert pl.read_parquet(tmp_path)["reward"].to_list() == [None, None, None, None, 1.5, None]


def test_nan_is_written_as_it_is(tmp_path: Path) -> None:
    table = Growing(tmp_path, METRICS)
    for loss in (math.nan, math.inf):
        table.append({"step": 1, "kind": "train", "loss": loss})
    table.flush()
    found = pl.read_parquet(tmp_path)["loss"]
    assert found.null_count() == 0
    assert math.isnan(found[0])
    assert found[1] == math.inf
