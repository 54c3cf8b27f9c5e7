"""Signing rows of a Parquet file: the same unit as signing the texts at hand, whatever rows and row groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.duplicates import sign_texts
from curate.duplicates.config import Duplicates, Near
from curate.duplicates.sign import Signer
from curate.duplicates.store import UnitWriter, read_summary
from curate.segment import Segments
from workbench.executor import run_units
from workbench.units import Outcome, Unit

CONFIG = Duplicates(text=True, url=True, near=Near(enabled=True, ngram=2))
TEXTS = [f"page {number} tells of the number {number % 5} and no more" for number in range(23)]
URLS = [f"http://example.org/{number % 7}" if number % 4 else None for number in range(23)]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sign_texts, "BATCH_ROWS", 4)
    pq.write_table(pa.table({"id": range(23), "words": TEXTS, "url": URLS}), tmp_path / "a.parquet", row_group_size=10)
    return tmp_path / "a.parquet"


def sign(file: Path, begin: int, count: int, url: str | None = "url") -> Outcome:
    payload = {"file": str(file), "begin": begin, "count": count, "text": "words", "url": url}
    (done,) = run_units(
        "curate.duplicates.sign_texts:sign_step",
        [Unit(f"{begin}-{count}-{url}", payload)],
        directory=file.parent / "signed",
        step="sign",
        setup={"duplicates": CONFIG.model_dump_json()},
    )
    return done


@pytest.mark.parametrize(("begin", "count"), [(0, 23), (8, 9), (10, 10), (22, 1), (5, 0)])
def test_a_unit_is_what_the_signer_gives(file: Path, tmp_path: Path, begin: int, count: int) -> None:
    done = sign(file, begin, count)
    assert done.result == {"records": count}
    signer = Signer(CONFIG)
    with UnitWriter(tmp_path / "expected", signer.bands) as writer:
        writer.write(signer.sign(Segments(TEXTS[begin : begin + count]), URLS[begin : begin + count]))
    for path in sorted((tmp_path / "expected").iterdir()):
        assert (done.directory / path.name).read_bytes() == path.read_bytes()


def test_a_missing_text_is_an_empty_one_and_addresses_may_be_left_out(tmp_path: Path) -> None:
    pq.write_table(pa.table({"words": pa.array([None, "one two three"])}), tmp_path / "a.parquet")
    done = sign(tmp_path / "a.parquet", 0, 2, url=None)
    summary = read_summary(done.directory)
    assert (summary.docs, summary.keys[:3]) == (2, [1, 0, 1])
    assert np.load(done.directory / "sets.npy").tolist() == [0, 0, 2]


def test_rows_that_are_not_there(file: Path) -> None:
    assert "has 3 rows from 20 on, not 9" in str(sign(file, 20, 9).error)
