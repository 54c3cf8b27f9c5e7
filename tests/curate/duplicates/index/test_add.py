from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from small_runs import ALL, doc_id, document, small_run

from curate.duplicates.index.state import SEGMENTS, Index, writer
from workbench.errors import Exit, UserError
from workbench.files import sha256
from workbench.runs import Run

from .conftest import BREAD, TIDES, TIDES_NEAR, adding, documents, states


def segment_files(index: Path) -> dict[str, str]:
    return {str(path.relative_to(index)): sha256(path) for path in (index / SEGMENTS).rglob("*") if path.is_file()}


def test_earlier_documents_stay_and_their_files_are_not_touched(tmp_path: Path, index: Path) -> None:
    adding(index, small_run(tmp_path / "a", [document("tides", TIDES), document("bread", BREAD)]))
    before = segment_files(index)
    later = [
        document("near", TIDES_NEAR, date="2030-01-01"),
        document("shout", BREAD.upper()),
        document("moved", "a page about nothing of the kind", url="http://www.tides.example/page/?utm_source=x"),
        document("new", "nobody has written this before " * 3),
    ]
    added = adding(index, small_run(tmp_path / "b", later))
    assert (added.survivors, added.by_method, added.done) == (1, {"near": 1, "text": 1, "url": 1}, False)
    assert states(index) == {
        doc_id("tides"): None,
        doc_id("bread"): None,
        doc_id("near"): doc_id("tides"),
        doc_id("shout"): doc_id("bread"),
        doc_id("moved"): doc_id("tides"),
        doc_id("new"): None,
    }
    assert before.items() <= segment_files(index).items()
    near = documents(index).filter(id=doc_id("near")).row(0, named=True)
    assert (near["method"], near["jaccard"], near["shard"], near["shard_row"]) == (
        "near",
        53 / 63,
        "documents/part-00000.parquet",
        0,
    )


def test_a_run_is_added_once(tmp_path: Path, index: Path) -> None:
    run = small_run(tmp_path / "a", [document("tides", TIDES)])
    adding(index, run)
    before = (index / "index.json").read_bytes()
    added = adding(index, run)
    assert added.done
    assert (index / "index.json").read_bytes() == before


def test_a_document_is_added_once(tmp_path: Path, index: Path) -> None:
    adding(index, small_run(tmp_path / "a", [document("tides", TIDES)]))
    added = adding(index, small_run(tmp_path / "b", [document("tides", TIDES), document("bread", BREAD)]))
    assert (added.run.documents, added.run.known) == (1, 1)
    assert set(states(index)) == {doc_id("tides"), doc_id("bread")}


def test_what_the_run_dropped_as_duplicates_is_there_and_nothing_else_it_dropped(tmp_path: Path, index: Path) -> None:
    dropped = [
        (document("copy", TIDES, date="2030-01-01"), "duplicates.text"),
        (document("bad", "spam spam spam"), "gopher.short"),
        (document("gone", "was deleted from another index"), "duplicates.deleted"),
    ]
    adding(index, small_run(tmp_path / "a", [document("tides", TIDES, date="2020-01-01")], dropped))
    # What the run kept stays, though its own order would say the newest.
    assert states(index) == {doc_id("tides"): None, doc_id("copy"): doc_id("tides")}
    assert documents(index).filter(id=doc_id("copy"))["removed_by_run"].item()


def test_the_declared_order_chooses_among_new_documents(tmp_path: Path, index: Path) -> None:
    measures = pl.DataFrame({"id": [doc_id("one"), doc_id("two")], "c4.lines": [1, 5]})
    settings = {**ALL, "survivor": ["highest c4.lines"]}
    both = [document("one", TIDES), document("two", TIDES)]
    adding(index, small_run(tmp_path / "a", both, measures=measures, duplicates=settings))
    assert states(index) == {doc_id("one"): doc_id("two"), doc_id("two"): None}
    assert documents(index).sort("c4.lines")["c4.lines"].to_list() == [1, 5]
    adding(index, small_run(tmp_path / "b", [document("three", BREAD)]))  # a run without that measure
    assert documents(index)["c4.lines"].null_count() == 1


def test_shards_become_segments_and_their_cut_changes_nothing(tmp_path: Path) -> None:
    rows = [document(f"d{n}", f"{TIDES_NEAR if n % 2 else TIDES} {BREAD if n % 3 else ''}") for n in range(12)]
    found = []
    for name, shard_rows in (("whole", 100), ("cut", 5)):
        adding(tmp_path / name, small_run(tmp_path / f"run-{name}", rows, shard_rows=shard_rows))
        found.append(states(tmp_path / name))
    assert found[0] == found[1]
    assert [len(Index.open(tmp_path / name).state.segments) for name in ("whole", "cut")] == [1, 3]


@pytest.mark.parametrize(
    ("settings", "field", "hint"),
    [
        ({"near": {"enabled": True, "ngram": 3}}, "duplicates.near.ngram=3", "near.ngram=5"),
        ({"text": True, "near": {"enabled": True, "seed": 2}}, "duplicates.near.seed=2", "near.seed=1"),
        ({"lines": {"enabled": True}}, "duplicates.lines.enabled=true", "lines.enabled=false"),
    ],
)
def test_a_run_of_other_settings_is_refused(
    tmp_path: Path, index: Path, settings: dict[str, object], field: str, hint: str
) -> None:
    adding(index, small_run(tmp_path / "a", [document("tides", TIDES)]))
    with pytest.raises(UserError) as caught:
        adding(index, small_run(tmp_path / "b", [document("bread", BREAD)], duplicates=settings))
    assert caught.value.code == Exit.USAGE
    assert field in caught.value.message
    assert hint in caught.value.hint
    assert set(states(index)) == {doc_id("tides")}


def test_an_index_of_texts_alone(tmp_path: Path, index: Path) -> None:
    adding(index, small_run(tmp_path / "a", [document("tides", TIDES)], duplicates={"text": True}))
    later = [
        document("near", TIDES_NEAR),
        document("same", TIDES),
        document("moved", BREAD, url="http://tides.example/page"),
    ]
    adding(index, small_run(tmp_path / "b", later, duplicates=None))
    assert states(index) == {
        doc_id("tides"): None,
        doc_id("near"): None,
        doc_id("moved"): None,
        doc_id("same"): doc_id("tides"),
    }


def test_a_directory_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "thesis.txt").write_text("years of work")
    run = small_run(tmp_path / "a", [document("tides", TIDES)])
    for place in (tmp_path / "files", run):
        with pytest.raises(UserError, match="holds no index"):
            adding(place, run)
        with pytest.raises(UserError, match="holds no index") as caught, writer(place):
            pass
        assert caught.value.code == Exit.INPUT
    assert (tmp_path / "files" / "thesis.txt").exists()


def test_an_empty_run(tmp_path: Path, index: Path) -> None:
    added = adding(index, small_run(tmp_path / "a", []))
    assert (added.run.documents, Index.open(index).state.segments) == (0, [])
    adding(index, small_run(tmp_path / "b", [document("tides", TIDES)]))
    assert states(index) == {doc_id("tides"): None}


def test_a_run_of_another_kind_is_refused(tmp_path: Path, index: Path) -> None:
    with Run.create(tmp_path / "mix", "curate.mix", "", root=tmp_path) as run:
        run.finish()
    with pytest.raises(UserError, match=r"is a curate\.mix run"):
        adding(index, tmp_path / "mix")
