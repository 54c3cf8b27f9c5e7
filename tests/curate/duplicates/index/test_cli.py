"""The commands, as a user calls them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from small_runs import doc_id, document, small_run
from whole_run import command, curate

from .conftest import BREAD, TIDES, TIDES_NEAR


def test_from_add_to_verify(tmp_path: Path) -> None:
    index = tmp_path / "index"
    first = small_run(tmp_path / "a", [document("tides", TIDES), document("bread", BREAD)])
    later = small_run(tmp_path / "b", [document("near", TIDES_NEAR)])
    root = ("--root", tmp_path / "workspace")
    added = curate("index", "add", index, first, later, *root)
    assert added.code == 0, added.stderr
    assert [(run["id"], run["documents"], run["duplicates"], run["done"]) for run in added.data["runs"]] == [
        ("a", 2, 0, False),
        ("b", 1, 1, False),
    ]
    assert curate("index", "add", index, "b", *root).data["runs"][0]["done"]
    again = subprocess.run(command("index", "add", index, later, *root), capture_output=True, text=True, check=True)
    assert "The run b is in the index since " in again.stdout
    assert "nothing was added" in again.stdout
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
    assert f"{index / 'tombstones.jsonl'} lists" in failed.stderr
    for arguments in (["status", index], ["trace", index, doc_id("near")]):
        ended = curate("index", *arguments)
        assert ended.code == 4
        assert "documents.parquet is missing" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_most_of_an_index(tmp_path: Path) -> None:
    index = tmp_path / "index"
    curate(
        "index", "add", index, small_run(tmp_path / "a", [document(f"p{n}", f"text {n}") for n in range(20)]), "-j", "1"
    )
    asked = ("index", "delete", index, "--regex", "https", "--root", tmp_path)
    looked = curate(*asked, "--dry-run")
    assert (looked.code, looked.data["counts"]["documents"]) == (0, 20)
    assert "names 20 of the 20 documents" in looked.stderr
    refused = curate(*asked)
    assert (refused.code, "--force" in refused.stderr) == (2, True)
    assert curate("index", "status", index).data["documents"] == 20
    assert curate(*asked, "--force").code == 0


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    missing = curate("index", "trace", tmp_path / "index", "x")
    assert (missing.code, "holds no index" in missing.stderr) == (4, True)
    asked = tmp_path / "asked.txt"
    asked.write_text("tides\n")
    bad = curate("index", "delete", tmp_path / "index", "--from", asked)
    assert bad.code == 2
    assert f"{asked}:1:1: 'tides' is neither an id nor a URL" in bad.stderr
    nothing = curate("index", "delete", tmp_path / "index")
    blank = curate("index", "delete", tmp_path / "index", "--regex", "")
    assert (blank.code, "empty regular expression" in blank.stderr) == (2, True)
    bare = curate("index", "delete", tmp_path / "index", "--url", "tides.example/page")
    assert (bare.code, "'tides.example/page' is no URL" in bare.stderr) == (2, True)
    assert (nothing.code, "nothing is to be deleted" in nothing.stderr) == (2, True)
