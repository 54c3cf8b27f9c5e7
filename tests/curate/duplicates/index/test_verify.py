from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_runs import ALL, doc_id, document, small_run

from curate.duplicates.index.delete import delete
from curate.duplicates.index.segment import describe
from curate.duplicates.index.state import DOCUMENTS, Index, writer
from curate.duplicates.index.tombstones import Request
from curate.duplicates.index.verify import verify
from workbench.errors import Exit, UserError

from .conftest import BREAD, TIDES, TIDES_NEAR, adding


def failed(index: Path) -> list[str]:
    return [check.name for check in verify(Index.open(index)) if not check.ok]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tides and its near copy of one run, bread of another; `gone` was deleted from the first: `before/` holds it."""
    folder = tmp_path_factory.mktemp("verified")
    index = folder / "index"
    settings = {**ALL, "lines": {"enabled": True}}
    rows = [document("tides", TIDES), document("near", TIDES_NEAR), document("gone", f"{BREAD} {TIDES}")]
    adding(index, small_run(folder / "a", rows, duplicates=settings))
    shutil.copytree(Index.open(index).directory(Index.open(index).state.segments[0]), folder / "before")
    adding(index, small_run(folder / "b", [document("bread", BREAD)], duplicates=settings))
    with writer(index) as own:
        delete(own, Request.of(ids=[doc_id("gone")]), reason="", root=folder)
    assert failed(index) == []
    return folder


@pytest.fixture
def filled(made: Path, index: Path) -> Path:
    """A copy of the index, for this test."""
    shutil.copytree(made / "index", index)
    return index


def planted(index: Path, change: Callable[[Path], object]) -> None:
    """Changes files of the first segment, and makes index.json fit."""
    state = Index.open(index).state
    first = state.segments[0]
    where = index / "segments" / first.name
    change(where)
    table = pl.read_parquet(where / DOCUMENTS)
    segment = describe(where, table, batch=first.batch, run=first.run, rows=first.rows)
    state = state.model_copy(update={"segments": [segment, *state.segments[1:]]})
    (index / "index.json").write_text(state.model_dump_json(by_alias=True))


def edit(**columns: pl.Expr) -> Callable[[Path], object]:
    def change(where: Path) -> None:
        pl.read_parquet(where / DOCUMENTS).with_columns(**columns).write_parquet(where / DOCUMENTS)

    return change


@pytest.mark.parametrize("name", ["keys.parquet", "sets.u32", DOCUMENTS])
def test_a_changed_or_missing_file(filled: Path, name: str) -> None:
    path = Index.open(filled).directory(Index.open(filled).state.segments[0]) / name
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert failed(filled) == ["files are what index.json says"]
    path.unlink()
    assert failed(filled) == ["files are what index.json says"]
    path.write_bytes(data)
    (path.parent / "copy").write_bytes(data)
    assert failed(filled) == ["files are what index.json says"]


def test_files_of_a_stopped_writer(filled: Path) -> None:
    (filled / "segments" / "00000-00000-9").mkdir()
    assert failed(filled) == ["nothing lies beside the index"]
    with writer(filled):
        pass
    assert failed(filled) == []


def test_a_live_writer_is_no_fault(filled: Path) -> None:
    with writer(filled) as own:
        own.staging.mkdir()
        with pytest.raises(UserError, match=f"is being written by process {os.getpid()}") as caught:
            verify(Index.open(filled))
    assert caught.value.code == Exit.LOCKED
    assert failed(filled) == []


def test_keys_and_sets_of_what_was_deleted(made: Path, filled: Path) -> None:
    def put_back(where: Path) -> None:
        for name in ("keys.parquet", "sets.u32", "sets.npy", "unit.json"):
            shutil.copy(made / "before" / name, where / name)

    planted(filled, put_back)
    assert failed(filled) == [f"{kind}: every entry belongs to a document" for kind in ("text", "url", "near")]


def test_lines_of_what_was_deleted(made: Path, filled: Path) -> None:
    planted(filled, lambda where: shutil.copy(made / "before" / "lines-00000.npy", where))
    assert failed(filled) == ["lines: every entry belongs to a document"]


def test_a_document_that_was_deleted(made: Path, filled: Path) -> None:
    planted(filled, lambda where: [shutil.copy(path, where) for path in (made / "before").iterdir()])
    assert failed(filled) == ["no deleted document is in a table"]


def test_keys_of_another_document(filled: Path) -> None:
    planted(filled, edit(text=pl.col("text").reverse()))
    assert failed(filled) == ["keys: every entry belongs to a document"]


def test_a_pair_of_nobody(filled: Path) -> None:
    def change(where: Path) -> None:
        table = pl.read_parquet(where / "pairs.parquet")
        table.with_columns(left=pl.lit("0" * 32)).write_parquet(where / "pairs.parquet")

    planted(filled, change)
    assert failed(filled) == ["pairs: every entry belongs to a document"]


@pytest.mark.parametrize(
    ("columns", "checks"),
    [
        ({"id": pl.lit(doc_id("tides"))}, ["each id is there once"]),
        ({"kept_id": pl.lit(None, pl.String)}, ["every cluster has one survivor"]),
        ({"kept_id": pl.when(pl.col("state") == "duplicate").then(pl.lit("x"))}, ["every cluster has one survivor"]),
        ({"state": pl.lit("duplicate"), "kept_id": pl.col("id")}, ["every cluster has one survivor"]),
    ],
)
def test_clusters(filled: Path, columns: dict[str, pl.Expr], checks: list[str]) -> None:
    planted(filled, edit(**columns))
    assert failed(filled) == checks


def test_survivors_of_one_text(tmp_path: Path, index: Path) -> None:
    rows = [document("one", TIDES), document("two", TIDES, url="https://one.example/page")]
    adding(index, small_run(tmp_path / "a", rows))
    planted(index, edit(state=pl.lit("survivor"), kept_id=pl.lit(None, pl.String)))
    assert failed(index) == ["no two survivors share a text", "no two survivors share an address"]


def test_an_empty_index(tmp_path: Path, index: Path) -> None:
    adding(index, small_run(tmp_path / "a", []))
    assert failed(index) == []
    assert np.all([check.ok for check in verify(Index.open(index))])
