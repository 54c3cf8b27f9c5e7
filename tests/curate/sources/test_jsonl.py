"""JSON lines: fields, places, units, and lines that are no pages."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.sources import ReadOptions, plan_units, read_unit, record_id
from curate.sources.page import digest_of


def write(folder: Path, lines, name="a.jsonl") -> Path:
    path = folder / name
    data = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode() + b"\n"
    if name.endswith(".gz"):
        data = gzip.compress(data)
    elif name.endswith(".zst"):
        data = zstandard.ZstdCompressor().compress(data)
    path.write_bytes(data)
    return path


def test_a_line_is_a_page(archive):
    [page] = archive.read(write(archive.folder, [{"text": "Wörter.", "url": "http://A.com/x", "date": "2024"}]))
    assert (page.body, page.kind, page.mime, page.charset) == ("Wörter.", "text", "text/plain", "utf-8")
    assert (page.url, page.host, page.date, page.file, page.row) == ("http://A.com/x", "a.com", "2024", "a.jsonl", 0)
    assert page.id == record_id("http://A.com/x", "2024", digest_of("Wörter."))


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"text": "x", "html": "y"}, "text"),
        ({"content": "x"}, "text"),
        ({"html": "x"}, "html"),
        ({"raw_content": "x"}, "text"),
    ],
)
def test_body_fields_are_found(archive, row, kind):
    [page] = archive.read(write(archive.folder, [row]))
    assert (page.body, page.kind) == ("x", kind)


def test_fields_can_be_named(archive):
    path = write(archive.folder, [{"text": "no", "page": "<p>x", "link": "http://a/", "when": 5, "key": 7}])
    options = ReadOptions(html_field="page", url_field="link", date_field="when", id_field="key")
    [page] = archive.read(path, options=options)
    assert (page.body, page.kind, page.url, page.date, page.id) == ("<p>x", "html", "http://a/", "5", record_id("7"))


def test_an_id_counts_only_if_it_is_one_of_an_archive(archive):
    uuid = "<urn:uuid:12345678-1234-1234-1234-123456789abc>"
    one, two = archive.read(write(archive.folder, [{"id": uuid, "text": "x"}, {"id": "1", "text": "x"}]))
    assert one.id == record_id(uuid.strip("<>"))
    assert two.id == record_id("a.jsonl", str(two.row))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.json.gz"])
def test_what_is_no_page_says_why(archive, name):
    lines = [
        '{"text": "first"}',
        '{"text": "cut',
        "[1]",
        "",
        '{"title": "x"}',
        '{"text": 5}',
        '{"text": null}',
        '{"text": "last"}',
    ]
    path = write(archive.folder, lines, name)
    pages = archive.read(path)
    offsets = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    assert [page.row for page in pages] == [offset for offset, line in zip(offsets, lines, strict=True) if line]
    assert [page.body for page in pages] == ["first", None, None, None, None, None, "last"]
    assert pages[1].error and pages[1].error.startswith("no JSON: ")
    assert [page.error for page in pages[2:5]] == [
        "no JSON object",
        "no text field among: title",
        "text is no text but int",
    ]
    assert pages[5].drop == ("read.empty_body", "0")


def test_lone_surrogates_nul_and_bad_bytes_become_replacement_characters(archive):
    path = archive.folder / "a.jsonl"
    path.write_bytes(
        b'{"text": "a\\ud800b\\u0000c"}\n{"text": "\\ud83d\\ude00"}\n\xef\xbb\xbf{"text": "x\xffy", "n": NaN}'
    )
    assert [page.body for page in archive.read(path)] == ["a\ufffdb\ufffdc", "\U0001f600", "x\ufffdy"]


def test_a_line_over_the_limit_fails_alone(archive):
    path = write(archive.folder, [{"text": "a"}, {"text": "x" * 500_000}, {"text": "b"}])
    pages = archive.read(path, options=ReadOptions(max_text_bytes=1000))
    assert [page.body for page in pages] == ["a", None, "b"]
    assert pages[1].error == "line over 1000 bytes"


def test_a_clipped_file_keeps_its_good_lines(archive):
    path = write(archive.folder, [{"text": f"line {number}"} for number in range(1000)], "a.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-1000])
    *good, last = archive.read(path)
    assert len(good) > 100 and all(page.body for page in good)
    assert last.error == "compressed data from byte 0 on end early"
    assert last.id not in {page.id for page in good}


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=30), min_size=1, max_size=15),
    unit_bytes=st.integers(1, 300),
    final_newline=st.booleans(),
)
def test_every_split_gives_the_same_lines(texts, unit_bytes, final_newline):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        data = "\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts) + "\n" * final_newline
        path.write_bytes(data.encode())
        rows, bytes_in = [], 0
        for unit in plan_units([str(path)], unit_bytes=unit_bytes):
            reader = read_unit(unit)
            rows += [(page.row, page.body) for page in reader]
            bytes_in += reader.counts.bytes_in
        whole = [(page.row, page.body) for page in read_unit(plan_units([str(path)])[0])]
        assert rows == whole
        assert len(rows) == len(texts)
        assert bytes_in == len(data.encode())
