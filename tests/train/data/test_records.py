"""The place of a bad row: its line once, or the id that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from train.data.records import bad_row, read_records


@pytest.mark.parametrize(
    ("line", "place"), [('{"a": 1}', "rows.jsonl:2: odd"), ('{"id": "q7"}', "rows.jsonl: row q7: odd")]
)
def test_a_bad_row_is_named_once(tmp_path: Path, line: str, place: str) -> None:
    (tmp_path / "rows.jsonl").write_text(f'{{"id": "first"}}\n{line}\n')
    name = list(read_records(tmp_path / "rows.jsonl"))[1].name
    assert str(bad_row(tmp_path / "rows.jsonl", name, "odd", "mend it")) == f"{tmp_path}/{place}"


def test_a_row_of_a_folder_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    (record,) = read_records(tmp_path)
    assert str(bad_row(tmp_path, record.name, "odd", "mend it")) == f"{tmp_path}: row rows.jsonl:1: odd"
