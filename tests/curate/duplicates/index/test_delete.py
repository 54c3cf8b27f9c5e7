from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import ALL, doc_id, document, small_run

from curate.duplicates.index.delete import change, delete
from curate.duplicates.index.state import Index, writer
from curate.duplicates.index.tombstones import Request, deleted, read_tombstones
from curate.duplicates.index.verify import verify
from workbench.errors import Exit, UserError

from .conftest import BREAD, TIDES, TIDES_NEAR, adding, states


def deleting(index: Path, root: Path, **asked: Any) -> dict[str, Any]:
    with writer(index) as own:
        return delete(own, Request.of(**asked), reason="asked for", root=root)


def sound(index: Path) -> bool:
    return all(check.ok for check in verify(Index.open(index)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs: tides (first, copy, near), bread (first, copy); and a copy of the folder that holds them."""
    folder = tmp_path_factory.mktemp("runs") / "made"
    first = [document("first", TIDES), document("bread", BREAD, url="https://kitchen.example/bread")]
    adding(folder / "index", small_run(folder / "a", first, [(document("copy", TIDES), "duplicates.text")]))
    later = [document("near", TIDES_NEAR), document("toast", BREAD, url="https://a.kitchen.example/toast")]
    adding(folder / "index", small_run(folder / "b", later))
    assert states(folder / "index")[doc_id("near")] == doc_id("first")
    return folder, Path(shutil.copytree(folder, folder.with_name("copy")))


@pytest.fixture
def filled(made: tuple[Path, Path]) -> Path:
    """The index, with its runs beside it where it knows them, as they were before any test."""
    folder, copy = made
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    return folder / "index"


def test_the_next_copy_takes_the_place(filled: Path) -> None:
    report = deleting(filled, filled.parent, ids=[doc_id("first")])
    assert states(filled) == {
        doc_id("copy"): None,
        doc_id("near"): doc_id("copy"),
        doc_id("bread"): None,
        doc_id("toast"): doc_id("bread"),
    }
    assert [one["id"] for one in report["promoted"]] == [doc_id("copy")]
    assert report["promoted"][0] == {
        "id": doc_id("copy"),
        "run": "a",
        "path": str(filled.parent / "a"),
        "file": "dropped/part-00000.parquet",
        "row": 0,
    }
    moved = report["moved"]
    assert [(one["id"], one["kept_id"], one["method"]) for one in moved] == [(doc_id("near"), doc_id("copy"), "near")]
    assert moved[0]["jaccard"] == 53 / 63
    assert sound(filled)
    deleting(filled, filled.parent, ids=[doc_id("copy")])
    assert states(filled)[doc_id("near")] is None
    assert sound(filled)


def test_who_stays_already_goes_on_staying(tmp_path: Path, index: Path) -> None:
    """`b` was removed for `a`, and is also like `c`, which stays: without `a` it goes for `c`."""
    a, b, c = (document(name, text) for name, text in (("a", TIDES), ("b", TIDES), ("c", BREAD)))
    b["url"] = c["url"] = "https://same.example/"
    adding(index, small_run(tmp_path / "one", [a]))
    adding(index, small_run(tmp_path / "two", [b]))
    adding(index, small_run(tmp_path / "three", [c]))
    assert states(index) == {doc_id("a"): None, doc_id("b"): doc_id("a"), doc_id("c"): None}
    report = deleting(index, tmp_path, ids=[doc_id("a")])
    assert states(index) == {doc_id("b"): doc_id("c"), doc_id("c"): None}
    assert report["counts"]["promoted"] == 0
    assert sound(index)


def test_the_proof_names_every_file(filled: Path) -> None:
    other = small_run(filled.parent / "other", [document("first", TIDES)])  # known in the workspace, not in the index
    report = deleting(filled, filled.parent / "workspace", ids=[doc_id("first"), doc_id("near")])
    found = {
        (hit["run"], hit["file"], hit["column"], tuple(hit["rows"]), " ".join(hit["holds"])) for hit in report["files"]
    }
    assert found == {
        ("a", "documents/part-00000.parquet", "id", (0,), "text title"),
        ("a", "decisions/part-00000.parquet", "id", (0,), "snippet"),
        ("a", "measures/part-00000.parquet", "id", (0,), ""),
        ("b", "documents/part-00000.parquet", "id", (0,), "text title"),
        ("b", "decisions/part-00000.parquet", "id", (0,), "snippet"),
        ("b", "measures/part-00000.parquet", "id", (0,), ""),
        ("other", "documents/part-00000.parquet", "id", (0,), "text title"),
        ("other", "decisions/part-00000.parquet", "id", (0,), "snippet"),
        ("other", "measures/part-00000.parquet", "id", (0,), ""),
    }
    assert report["counts"]["texts_left"] == 3
    assert other.exists()
    assert json.loads((filled / "deletions" / "000001.json").read_bytes()) == report
    assert TIDES not in (filled / "deletions" / "000001.json").read_text()


def test_a_run_that_is_gone_is_named(filled: Path) -> None:
    (filled.parent / "b").rename(filled.parent / "elsewhere")
    report = deleting(filled, filled.parent, ids=[doc_id("near")])
    # It has moved within the workspace, which knows it by its manifest.
    assert {hit["path"] for hit in report["files"]} == {str(filled.parent / "elsewhere")}
    (filled.parent / "elsewhere").rename(filled.parent / "workspace" / ".hidden")
    (filled.parent / "workspace" / ".hidden" / "manifest.json").unlink()
    report = deleting(filled, filled.parent, ids=[doc_id("toast")])
    assert report["missing_runs"] == [{"run": "b", "path": str(filled.parent / "b")}]
    assert report["deleted"][0]["file"] == "documents/part-00000.parquet"


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"urls": ["http://www.kitchen.example/bread/#top"]}, ["bread"]),
        ({"hosts": ["Kitchen.example."]}, ["bread", "toast"]),
        ({"hosts": ["itchen.example"]}, []),
        ({"regexes": [r"/(bread|toast)$"]}, ["bread", "toast"]),
        ({"ids": [doc_id("near")], "regexes": ["^https://first"]}, ["first", "near"]),
    ],
)
def test_ways_of_asking(filled: Path, asked: dict[str, list[str]], names: list[str]) -> None:
    report = deleting(filled, filled.parent, **asked)
    assert {one["id"] for one in report["deleted"]} == {doc_id(name) for name in names}
    assert not {doc_id(name) for name in names} & set(states(filled))
    assert sound(filled)


def test_nothing_is_left_in_any_file(filled: Path) -> None:
    rows = {name: document(name, "") for name in ("first", "near")}
    before = [path.read_bytes() for path in filled.rglob("*") if path.is_file() and path.suffix == ".parquet"]
    ids = [rows[name]["id"].encode() for name in rows]
    assert any(ids[0][:16] in data for data in before)
    deleting(filled, filled.parent, ids=[row["id"] for row in rows.values()])
    segments = Index.open(filled).state.segments
    assert sorted(path.name for path in (filled / "segments").iterdir()) == sorted(one.name for one in segments)
    for path in (filled / "segments").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(key in data or key[:12] in data for key in ids)
    kept = Index.open(filled)
    sets = [np.diff(np.load(kept.directory(one) / "sets.npy")) for one in kept.state.segments]
    assert [one.tolist()[0] for one in sets] == [0, 58, 0]


def test_the_log_and_what_is_done_before(filled: Path) -> None:
    deleting(filled, filled.parent, hosts=["near.example"])
    (one,) = read_tombstones(Index.open(filled))
    assert (one.ids, one.reason, one.counts["documents"]) == ([doc_id("near")], "asked for", 1)
    assert one.asked.hosts == ["near.example"]
    before = (filled / "index.json").read_bytes()
    assert deleting(filled, filled.parent, hosts=["near.example"])["number"] is None
    assert deleting(filled, filled.parent, ids=[doc_id("near")])["number"] is None
    assert (filled / "index.json").read_bytes() == before
    # What the index does not hold may come later: that is worth a line.
    assert deleting(filled, filled.parent, urls=["https://later.example/"])["number"] == 2
    assert len(read_tombstones(Index.open(filled))) == 2


def test_later_runs_obey(filled: Path) -> None:
    deleting(filled, filled.parent, hosts=["kitchen.example"], ids=[doc_id("first")], urls=["https://x.example/?a=1"])
    later = [
        document("again", BREAD, url="https://b.kitchen.example/new"),
        document("first", TIDES),
        document("by-url", "some text", url="http://x.example?a=1"),
        document("fine", "another text"),
    ]
    added = adding(filled, small_run(filled.parent / "c", later))
    assert (added.run.deleted, added.run.documents) == (3, 1)
    assert sound(filled)


def test_a_changed_log_is_refused(filled: Path) -> None:
    deleting(filled, filled.parent, ids=[doc_id("near")])
    (filled / "tombstones.jsonl").write_bytes(b"{}\n")
    with pytest.raises(UserError, match=r"tombstones\.jsonl is not what index\.json says"):
        deleted(Index.open(filled))
    assert not sound(filled)


def test_looking_changes_nothing(filled: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in filled.rglob("*")}
    found = change(Index.open(filled), Request.of(ids=[doc_id("first")]))
    assert found.counts() == {"documents": 1, "survivors": 1, "promoted": 1, "moved": 1}
    assert before == {path: path.stat().st_mtime_ns for path in filled.rglob("*")}


@pytest.mark.parametrize(
    "asked",
    [
        {"ids": ["0a1b2c3d"]},
        {"urls": [" "]},
        {"hosts": ["https://a.example"]},
        {"hosts": [""]},
        {"regexes": ["(open"]},
        {"regexes": [""]},
        {"regexes": [" "]},
        {"urls": ["tides.example/page"]},
    ],
)
def test_bad_requests(asked: dict[str, list[str]]) -> None:
    with pytest.raises(UserError):
        Request.of(**asked)


def test_more_than_half_takes_force(tmp_path: Path, index: Path) -> None:
    rows = [document(f"p{n}", f"text number {n}") for n in range(20)]
    adding(index, small_run(tmp_path / "a", rows))
    before = (index / "index.json").read_bytes()
    with pytest.raises(UserError, match="names 11 of the 20 documents") as caught:
        deleting(index, tmp_path, ids=[row["id"] for row in rows[:11]])
    assert caught.value.code == Exit.USAGE
    assert (index / "index.json").read_bytes() == before
    assert not (index / "tombstones.jsonl").exists()
    with writer(index) as own:
        asked = Request.of(ids=[row["id"] for row in rows[:11]])
        report = delete(own, asked, reason="", root=tmp_path, force=True)
    assert report["counts"]["documents"] == 11
    assert sound(index)


def test_half_does_not(tmp_path: Path, index: Path) -> None:
    rows = [document(f"p{n}", f"text number {n}") for n in range(20)]
    adding(index, small_run(tmp_path / "a", rows))
    assert deleting(index, tmp_path, ids=[row["id"] for row in rows[:10]])["counts"]["documents"] == 10


def test_a_damaged_file_is_named(filled: Path) -> None:
    table = sorted((filled / "segments").glob("*/documents.parquet"))[0]
    table.write_bytes(table.read_bytes()[:100])
    before = (filled / "index.json").read_bytes()
    with pytest.raises(UserError, match=r"documents\.parquet is not what") as caught:
        deleting(filled, filled.parent, ids=[doc_id("near")])
    assert caught.value.code == Exit.INPUT
    assert (filled / "index.json").read_bytes() == before


def test_lines_go_too(tmp_path: Path, index: Path) -> None:
    settings = {**ALL, "lines": {"enabled": True}}
    rows = [
        document(f"p{n}", f"Header of the site\nText number {n} here", url=f"https://h.example/{n}") for n in range(3)
    ]
    adding(index, small_run(tmp_path / "a", rows, duplicates=settings))
    deleting(index, tmp_path, ids=[doc_id("p1")])
    (segment,) = Index.open(index).state.segments
    table = np.load(index / "segments" / segment.name / "lines-00000.npy")
    assert sorted(set(table["row"].tolist())) == [0, 2]
    assert sound(index)


def test_an_empty_index_obeys_too(tmp_path: Path, index: Path) -> None:
    adding(index, small_run(tmp_path / "a", []))
    report = deleting(index, tmp_path, hosts=["tides.example"])
    assert (report["number"], report["deleted"]) == (1, [])
    added = adding(index, small_run(tmp_path / "b", [document("tides", TIDES)]))
    assert (added.run.deleted, added.run.documents) == (1, 0)
    assert sound(index)
