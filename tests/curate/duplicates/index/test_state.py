from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from small_runs import ALL, doc_id, document, small_run

from curate.duplicates.config import Lines
from curate.duplicates.index.delete import delete
from curate.duplicates.index.state import Index, ask, writer
from curate.duplicates.index.tombstones import Request
from curate.duplicates.repeats.count import find_repeated
from workbench.errors import UserError

from .conftest import BREAD, TIDES, adding, documents


def test_who_reads_while_it_changes_asks_again(tmp_path: Path, index: Path) -> None:
    adding(index, small_run(tmp_path / "a", [document("tides", TIDES)]))
    later = small_run(tmp_path / "b", [document("bread", BREAD)])
    asked = []

    def question(found: Index) -> int:
        asked.append(found.state.generation)
        if len(asked) == 1:
            adding(index, later)
            raise FileNotFoundError
        return found.state.generation

    assert ask(index, question) == 2
    assert asked == [1, 2]

    def broken(found: Index) -> int:
        raise UserError("no such document")

    with pytest.raises(UserError, match="no such document"):
        ask(index, broken)


def test_an_error_that_is_not_of_a_damaged_file_stays(tmp_path: Path, index: Path) -> None:
    adding(index, small_run(tmp_path / "a", [document("tides", TIDES)]))

    def broken(found: Index) -> int:
        raise IndexError("a fault of ours")

    with pytest.raises(IndexError, match="a fault of ours"):
        ask(index, broken)


def test_an_index_of_another_version_is_not_read(index: Path) -> None:
    index.mkdir()
    (index / "index.json").write_text('{"schema": "curate.index/9"}')
    with pytest.raises(UserError, match="not an index of this version"):
        Index.open(index)
    with pytest.raises(UserError, match="not an index of this version"), writer(index, create=True):
        pass


def test_its_lines_count_with_those_of_later_pages(tmp_path: Path, index: Path) -> None:
    """Lines that a run took out as repeated are counted too; lines of deleted pages are not."""
    settings = {**ALL, "lines": {"enabled": True}}
    footer = "Imprint and contact"
    rows = [document(f"p{n}", f"Text number {n} of its own", url=f"https://h.example/{n}") for n in range(4)]
    rows[3]["text"] += f"\n{footer}"
    cut = [{"id": row["id"], "kind": "line:repeated", "removed": footer} for row in rows[:3]]
    private = {"id": rows[0]["id"], "kind": "pii:email", "removed": None}
    adding(index, small_run(tmp_path / "a", rows, edits=[*cut, private], duplicates=settings))

    def pages() -> list[int]:
        units = Index.open(index).units()
        config = Lines(enabled=True, min_pages=2, min_share=0)
        work = tmp_path / f"repeated-{Index.open(index).state.generation}"
        found = find_repeated(units, config, directory=work, memory_bytes=10**8, jobs=1)
        return pl.read_parquet(found)["pages"].to_list()

    assert pages() == [4]
    with writer(index) as own:
        delete(own, Request.of(ids=[doc_id("p0")]), reason="", root=tmp_path)
    assert pages() == [3]
    assert documents(index).height == 3
