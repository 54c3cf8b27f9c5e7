"""The commands, as a user calls them."""

from __future__ import annotations

from pathlib import Path

from small_runs import doc_id, document, small_run
from whole_run import curate

from .conftest import BREAD, TIDES, TIDES_NEAR


def test_from_add_to_verify(tmp_path: Path) -> None:
    index = tmp_path / "index"
    first = small_run(tmp_path / "a", [document("tides", TIDES), document("bread", BREAD)])
    later = small_run(tmp_path / "b", [document("near", TIDES_NEAR)])
    root = ("--root", tmp_path / "workspace")
    added = curate("index", "add", index, first, later, "-j", "1", *root)
    assert added.code == 0, added.stderr
    assert [(run["id"], run["documents"], run["duplicates"], run["done"]) for run in added.data["runs"]] == [
        ("a", 2, 0, False),
        ("b", 1, 1, False),
    ]
    assert curate("index", "add", index, "b", *root).data["runs"][0]["done"]
    traced = curate("index", "trace", index, doc_id("near")[:10])
    assert [(one["kind"], one["id"]) for one in traced.data["matches"]] == [("near", doc_id("tides"))]

    asked = tmp_path / "asked.txt"
    asked.write_text(f"# by mail\n{doc_id('tides')}\n\nhttps://bread.example/page\n")
    looked = curate("index", "delete", index, "--from", asked, "--dry-run")
    assert looked.data["counts"] == {"documents": 2, "survivors": 2, "promoted": 1, "moved": 0}
    done = curate("index", "delete", index, "--from", asked, "--reason", "on request", *root)
    assert done.code == 0
    assert done.data["counts"]["texts_left"] == 2
    assert Path(done.data["proof"]).is_file()
    assert "an id is one capture of a page" in done.stderr

    status = curate("index", "status", index)
    assert [status.data[name] for name in ("documents", "survivors", "deletions")] == [1, 1, 1]
    assert status.data["deleted"][0]["reason"] == "on request"
    assert curate("index", "verify", index).code == 0
    next((index / "segments").glob("*/documents.parquet")).unlink()
    failed = curate("index", "verify", index)
    assert failed.code == 1
    assert "documents.parquet is missing" in failed.stderr


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    missing = curate("index", "trace", tmp_path / "index", "x")
    assert (missing.code, "holds no index" in missing.stderr) == (4, True)
    asked = tmp_path / "asked.txt"
    asked.write_text("tides\n")
    bad = curate("index", "delete", tmp_path / "index", "--from", asked)
    assert bad.code == 2
    assert f"{asked}:1:1: 'tides' is neither an id nor a URL" in bad.stderr
    nothing = curate("index", "delete", tmp_path / "index")
    assert (nothing.code, "nothing is to be deleted" in nothing.stderr) == (2, True)
