"""What the documents page asks: exact answers from a small run, and cards for what is missing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from dashboard_curated import COPY, HOSTILE, KEPT, A, B, C, D, E, F, curated
from dashboard_runs import decisions

from curate.ask.finished import FinishedRun
from curate.search.index import build
from curate.search.place import index_path
from dashboard.queries import documents, search
from dashboard.source import Source, open_database
from dashboard.workspace import scan
from workbench.errors import UserError


def source(root: Path, name: str = "small") -> Source:
    found = scan(root)
    run = found.get(name)
    assert run is not None and run.readable
    return Source(open_database(found.directories), run)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Source:
    root = tmp_path_factory.mktemp("workspace")
    curated(root)
    return source(root)


def test_counts_come_from_the_rollups_and_are_those_of_the_list(small: Source) -> None:
    assert documents.count(small) == (6, 220)
    for filters in (
        {"state": "dropped"},
        {"lang": "en"},
        {"host": "two.example"},
        {"rule": "read.mime"},
        {"step": "x"},
    ):
        rows = documents.rows(small, offset=0, limit=50, **filters)
        assert documents.count(small, **filters).documents == rows.height
    assert documents.count(small, state="dropped", host="one.example").documents == 2


def test_the_list_keeps_the_order_of_the_input_and_holds_no_text(small: Source) -> None:
    rows = documents.rows(small, offset=0, limit=50)
    assert rows["id"].to_list() == [A, B, C, D, E, F]
    assert "text" not in rows.columns
    assert documents.rows(small, offset=4, limit=1)["id"].to_list() == [E]


def test_choices_are_what_occurs(small: Source) -> None:
    found = documents.choices(small)
    assert found.steps == ["duplicates", "extract", "gopher", "read"]
    assert found.rules == ["duplicates.near", "gopher.words_min", "read.mime"]
    assert found.langs == ["en", "la"]
    assert found.hosts == ["one.example", "evil.example", "two.example"]


def test_a_filter_that_does_not_exist_is_a_mistake_of_ours(small: Source) -> None:
    with pytest.raises(KeyError):
        documents.count(small, **{"1=1 --": "x"})


@pytest.mark.parametrize("key", [C, C[:9], "https://one.example/c"], ids=["id", "prefix", "address"])
def test_a_document_is_found_by_id_prefix_and_address(small: Source, key: str) -> None:
    found = documents.find(small, key=key)
    assert found is not None
    assert (found["id"], found["file_row_number"], found["fails"]) == (C, 2, ["gopher.words_min", "url.length"])


@pytest.mark.parametrize("key", ["' OR 1=1 --", "", "0" * 32, "../../etc/passwd", "a" * 9 + "*"])
def test_what_is_not_there_is_none(small: Source, key: str) -> None:
    assert documents.find(small, key=key) is None


def test_of_records_with_one_id_the_kept_one_is_meant(tmp_path: Path) -> None:
    again = {"id": A, "state": "dropped", "step": "read", "rule": "read.same_record"}
    curated(tmp_path, decisions=decisions(again, {"id": A}, again))
    found = documents.find(source(tmp_path), key=A)
    assert found is not None and (found["state"], found["file_row_number"]) == ("kept", 1)


def test_the_place_of_a_document_in_a_filtered_list(small: Source) -> None:
    place = {"file_index": 0, "file_row_number": 2}
    assert documents.rank(small, **place) == 2
    assert documents.rank(small, **place, state="dropped") == 1
    assert documents.rank(small, **place, state="kept") is None


def test_one_text_alone(small: Source) -> None:
    def text(key: str) -> str | None:
        found = documents.find(small, key=key)
        assert found is not None
        place = {name: found[name] for name in ("state", "file", "row")}
        stored = documents.text(small, key=key, **place)
        return None if stored is None else stored["text"]

    assert (text(A), text(B), text(E)) == (KEPT, COPY, HOSTILE)
    assert text(F) is None and text(D) is None


def test_edits_items_duplicates(small: Source) -> None:
    assert [(row["kind"], row["start"], row["replacement"]) for row in documents.edits(small, key=C)] == [
        ("pii:email", 9, "<EMAIL>")
    ]
    assert [(row["suite"], row["item"]) for row in documents.items(small, key=A)] == [("tides", 1)]
    found = documents.duplicate(small, key=B)
    assert found is not None and (found["kept_id"], found["kept_url"]) == (A, "https://one.example/a")
    assert documents.duplicate(small, key=A) is None
    assert (documents.stands_for(small, key=A), documents.stands_for(small, key=C)) == (1, 0)


def test_tables_that_a_run_does_not_have_are_no_error(tmp_path: Path) -> None:
    curated(tmp_path, edits=None, contamination=None, duplicates=None, dropped=None)
    bare = source(tmp_path)
    assert documents.edits(bare, key=A) == [] == documents.items(bare, key=A)
    assert documents.duplicate(bare, key=B) is None and documents.stands_for(bare, key=A) == 0
    assert documents.text(bare, key=B, state="dropped", file="crawl.warc.gz", row=1) is None


def test_a_measure_of_a_strange_name_is_not_asked_for(small: Source) -> None:
    with pytest.raises(UserError, match="strange name"):
        documents.measures(small, key=A, columns=('x" FROM {decisions} --',))


def test_a_torn_table_says_so(tmp_path: Path) -> None:
    run = curated(tmp_path)
    shard = run.path / "decisions" / "part-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises(UserError, match="cannot be read"):
        documents.rows(source(tmp_path), offset=0, limit=5)


def test_search_finds_marks_and_says_what_the_index_covers(tmp_path: Path) -> None:
    run = curated(tmp_path)
    small = source(tmp_path)
    with pytest.raises(UserError, match="no search index"):
        search.about(small, stamp=search.stamp(small.run))
    opened = FinishedRun.open(str(run.path), tmp_path)
    build(opened, index_path(run.path), sample=2, seed=5, listener=lambda _: None)
    about = search.about(small, stamp=search.stamp(small.run))
    assert (about.indexed, about.texts, about.seed) == (2, 4, 5)
    build(opened, index_path(run.path), sample=None, seed=0, listener=lambda _: None)
    stamp = search.stamp(small.run)
    assert search.total(small, stamp=stamp, query="tides tells") == 1
    rows = search.rows(small, stamp=stamp, query="tides tells", offset=0, limit=5)
    assert rows["id"].to_list() == [B]
    assert "⟦tells⟧" in rows["snippet"][0]
    assert search.total(small, stamp=stamp, query="tides", state="kept") == 1
    assert search.rows(small, stamp=stamp, query='" OR * ( NEAR', offset=0, limit=5).height == 0
    assert isinstance(rows, pl.DataFrame)
