from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_runs import ALL, doc_id, document, small_run

from curate.duplicates.index.delete import delete
from curate.duplicates.index.state import Index, ask, writer
from curate.duplicates.index.tombstones import Request
from curate.duplicates.index.trace import trace, trace_text
from workbench.errors import Exit, UserError

from .conftest import BREAD, TIDES, TIDES_NEAR, adding

FOOTER = "\nImprint and contact"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run with tides, and one with a near copy, a copy of the text, one of the address, and a page of its host."""
    folder = tmp_path_factory.mktemp("traced")
    settings = {**ALL, "lines": {"enabled": True}}
    first = [document("tides", TIDES + FOOTER), document("bread", BREAD)]
    adding(folder / "index", small_run(folder / "a", first, duplicates=settings))
    later = [
        document("near", TIDES_NEAR),
        document("copy", TIDES.upper() + FOOTER),
        document("moved", "now something else", url="http://tides.example/page/#top"),
        document("sister", "a text of the same house" + FOOTER, url="https://tides.example/other"),
    ]
    adding(folder / "index", small_run(folder / "b", later, duplicates=settings))
    return folder


@pytest.fixture
def filled(made: Path, index: Path) -> Path:
    """A copy of the index, for this test."""
    shutil.copytree(made / "index", index)
    return index


def found(answer: dict[str, object]) -> set[tuple[object, ...]]:
    matches = answer["matches"]
    assert isinstance(matches, list)
    return {(one["kind"], one["id"], one["jaccard"] and round(one["jaccard"], 2), one["lines"]) for one in matches}


@pytest.mark.parametrize("key", [doc_id("tides"), doc_id("tides")[:8], "http://www.tides.example/page?utm_source=a"])
def test_a_document_by_id_or_address(filled: Path, key: str) -> None:
    answer = trace(Index.open(filled), key)
    document = answer["document"]
    assert (document["id"], document["state"], document["run"], document["row"]) == (
        doc_id("tides"),
        "survivor",
        "a",
        0,
    )
    assert document["path"] == str(filled.parent / "a")  # the index names it beside itself
    assert found(answer) == {
        ("text", doc_id("copy"), 1.0, None),
        ("near", doc_id("copy"), 1.0, None),
        ("near", doc_id("near"), 0.8, None),
        ("url", doc_id("moved"), 1.0, None),
        ("lines", doc_id("sister"), None, 1),
    }
    cluster = answer["cluster"]
    assert cluster["survivor"] == doc_id("tides")
    assert {one["id"]: one["method"] for one in cluster["documents"]} == {
        doc_id("tides"): None,
        doc_id("copy"): "text",
        doc_id("near"): "near",
        doc_id("moved"): "url",
    }


def test_a_duplicate_shows_the_same_cluster(filled: Path) -> None:
    opened = Index.open(filled)
    assert trace(opened, doc_id("near"))["cluster"] == trace(opened, doc_id("tides"))["cluster"]


def test_a_text(filled: Path) -> None:
    answer = trace_text(Index.open(filled), TIDES.replace("seagulls", "children"))
    assert {one[:2] for one in found(answer)} == {("near", doc_id(name)) for name in ("tides", "copy", "near")}
    assert trace_text(Index.open(filled), "")["matches"] == []


def test_what_is_not_there(filled: Path) -> None:
    with pytest.raises(UserError, match=r"no document of .* has the id or URL 'https://nowhere") as caught:
        trace(Index.open(filled), "https://nowhere.example/")
    assert caught.value.code == Exit.INPUT


@pytest.mark.parametrize("name", ["documents.parquet", "keys.parquet", "sets.npy", "lines-00000.npy"])
@pytest.mark.parametrize("left", [0, 40, None])
def test_a_damaged_file_is_named(filled: Path, name: str, left: int | None) -> None:
    opened = Index.open(filled)
    path = opened.directory(opened.state.segments[0]) / name
    data = path.read_bytes()[:left]
    path.unlink()
    if left is not None:
        path.write_bytes(data)
    elif name.startswith("lines"):
        return  # files of lines are looked for by a pattern: nothing fails
    with pytest.raises(UserError, match=f"damaged: segments/.*/{name} is ") as caught:
        ask(filled, lambda found: trace(found, doc_id("tides")))
    assert (caught.value.code, "curate index verify" in caught.value.hint) == (Exit.INPUT, True)


def test_what_was_deleted(tmp_path: Path, filled: Path) -> None:
    with writer(filled) as own:
        delete(own, Request.of(ids=[doc_id("bread")]), reason="the author asked", root=tmp_path)
    with pytest.raises(UserError, match=r"was deleted on .*: the author asked"):
        trace(Index.open(filled), doc_id("bread"))
