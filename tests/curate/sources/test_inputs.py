"""From what the user names to files and units: folders, globs, URLs, names, virtual inputs, errors."""

from __future__ import annotations

import gzip
import os

import pytest

from curate.sources import Record, UnitSpec, plan_units, read_unit, register_virtual
from workbench.errors import Exit, UserError


def files(units):
    return [unit.file for unit in units]


@pytest.fixture
def tree(archive):
    (archive.folder / "in" / "b").mkdir(parents=True)
    (archive.folder / "in" / "a.jsonl").write_text('{"text": "a"}\n')
    (archive.folder / "in" / "b" / "c.jsonl").write_text('{"text": "c"}\n')
    (archive.folder / "in" / ".hidden.jsonl").write_text('{"text": "h"}\n')
    (archive.folder / "in" / "notes.txt").write_text("notes")
    (archive.folder / "in" / "empty.jsonl").write_text("")
    return archive.folder / "in"


def test_folders_globs_and_files(tree, monkeypatch):
    ignored = {}
    assert files(plan_units([str(tree)], on_ignored=ignored.__setitem__)) == ["a.jsonl", "b/c.jsonl"]
    assert ignored == {"notes.txt": "nothing that can be read", "empty.jsonl": "empty"}
    assert files(plan_units([f"{tree}/**/*.jsonl"])) == ["a.jsonl", "b/c.jsonl"]
    assert files(plan_units([f"{tree}/b/c.jsonl"])) == ["c.jsonl"]
    assert files(plan_units([f"{tree}/b/c.jsonl", f"{tree}/a.jsonl", str(tree)])) == ["a.jsonl", "b/c.jsonl"]
    assert files(plan_units([f"{tree}/b"], base=str(tree.parent))) == ["in/b/c.jsonl"]
    monkeypatch.chdir(tree)
    assert files(plan_units(["b/*.jsonl"])) == ["c.jsonl"]
    assert [unit.index for unit in plan_units(["."])] == [0, 1]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.warc.gz", "no such file or folder"),
        ("no*.warc.gz", "no file matches"),
        ("in/notes.txt", "nothing that can be read"),
        ("in/empty.jsonl", "is empty"),
        ("in/*.txt", "no readable file among 1"),
        ("memory://nothing-there", "nothing at"),
    ],
)
def test_inputs_that_are_missing_or_unreadable(tree, name, message):
    with pytest.raises(UserError, match=message) as error:
        plan_units([name if "://" in name else str(tree.parent / name)])
    assert error.value.code == Exit.INPUT


def test_wrong_calls(tree):
    with pytest.raises(UserError, match="no input is given") as error:
        plan_units([])
    assert error.value.code == Exit.USAGE
    with pytest.raises(UserError, match="is not under"):
        plan_units([str(tree)], base=str(tree / "b"))
    with pytest.raises(UserError, match="a unit cannot have 0 bytes"):
        plan_units([str(tree)], unit_bytes=0)
    with pytest.raises(UserError, match="cannot open nosuch://x"):
        plan_units(["nosuch://x"])


def test_a_file_without_read_permission(tree):
    path = tree / "a.jsonl"
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(UserError, match="cannot read"):
        plan_units([str(path)])


def test_content_decides_before_the_name(archive):
    path = archive.write([archive.page(b"<p>x")], "gzip", "no-archive.txt")
    assert [unit.source for unit in plan_units([str(path)])] == ["warc"]
    odd = archive.folder / "page.warc"
    odd.write_bytes(b"garbage")
    [page] = archive.read(odd)
    assert page.error == "no record can be read from byte 0 on"


def test_a_file_that_changed_after_planning(archive):
    path = archive.write([archive.page(b"<p>x")])
    [unit] = plan_units([str(path)])
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(UserError, match=r"had \d+ bytes when the run was planned") as error:
        list(read_unit(unit))
    assert error.value.code == Exit.INPUT
    assert plan_units([str(path)])[0].digest != unit.digest


def test_urls_go_through_fsspec(archive):
    import fsspec

    local = archive.write([archive.page(b"<p>x")])
    fs = fsspec.filesystem("memory")
    fs.pipe("/crawl/one/a.warc.gz", local.read_bytes())
    fs.pipe("/crawl/two/p.html", b"<p>page")
    try:
        units = plan_units(["memory://crawl"])
        assert files(units) == ["one/a.warc.gz", "two/p.html"]
        assert [page.body for unit in units for page in read_unit(unit)] == ["<p>x", "<p>page"]
        assert files(plan_units(["memory://crawl/*/a.warc.gz"])) == ["one/a.warc.gz"]
        before = plan_units(["memory://crawl/one/a.warc.gz"])[0].digest
        fs.pipe("/crawl/one/a.warc.gz", local.read_bytes() + b"\0")
        assert plan_units(["memory://crawl/one/a.warc.gz"])[0].digest != before
    finally:
        fs.rm("/crawl", recursive=True)


def test_a_file_inside_a_zip(archive):
    import zipfile

    path = archive.folder / "pages.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("in/a.jsonl", '{"text": "zipped"}\n')
    units = plan_units([f"zip://in/*.jsonl::{path}"])
    assert [page.body for unit in units for page in read_unit(unit)] == ["zipped"]


def test_html_folders(archive):
    folder = archive.folder / "site"
    (folder / "sub").mkdir(parents=True)
    for number in range(450):
        (folder / "sub" / f"{number:03}.html").write_text(f"<p>page {number}")
    (folder / "empty.html").write_text("")
    (folder / "packed.html.gz").write_bytes(gzip.compress(b"<p>packed"))
    (folder / "broken.html.gz").write_bytes(gzip.compress(b"<p>" + os.urandom(3000))[:-1000])
    (folder / "picture.html").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "old.htm").write_bytes('<meta charset="iso-8859-2"><p>dłoń'.encode("iso-8859-2"))
    units = plan_units([str(folder)])
    assert [len(unit.files) for unit in units] == [200, 200, 55]
    pages = {page.file: page for unit in units for page in read_unit(unit)}
    assert len(pages) == 455
    assert pages["sub/007.html"].body == "<p>page 7"
    assert (pages["sub/007.html"].url, pages["sub/007.html"].row) == (None, 0)
    assert pages["packed.html.gz"].body == "<p>packed"
    assert pages["broken.html.gz"].error == "compressed data from byte 0 on end early"
    assert pages["empty.html"].drop == ("read.empty_body", "0")
    assert pages["picture.html"].drop == ("read.mime", "image/png")
    assert pages["old.htm"].body.endswith("dłoń")
    (folder / "sub" / "000.html").unlink()
    gone = {page.file: page for unit in units for page in read_unit(unit)}["sub/000.html"]
    assert gone.error and "No such file" in gone.error and str(folder) not in gone.error


def test_a_virtual_input():
    def planner():
        return [UnitSpec(0, "test-virtual", "", "v", 0, 1), UnitSpec(0, "test-virtual", "", "v", 1, 2)]

    def reader(spec, options, counts):
        counts.skipped["note"] += 1
        yield Record(str(spec.begin), None, None, None, "v", spec.begin, "text", None, None, None, body="x")

    register_virtual("test-virtual", planner, reader)
    units = plan_units(["test-virtual"])
    assert [unit.index for unit in units] == [0, 1]
    readers = [read_unit(unit) for unit in units]
    assert [[page.row for page in pages] for pages in readers] == [[0], [1]]
    assert (readers[0].counts.records, readers[0].counts.skipped) == (1, {"note": 1})
