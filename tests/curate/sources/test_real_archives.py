"""Real and deliberately odd archives of other projects, and a real crawl."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import pytest

from curate.sources import plan_units, read_unit
from workbench.errors import UserError

# body / drop rule / failed -> how many, and what was skipped.
ODD = {
    "cc_net/sample.warc.txt": ({"text": 3}, {"warcinfo": 1}),
    "dolma/sample-0000.warc.gz": ({"html": 22, "text": 2}, {"warcinfo": 1, "request": 22, "metadata": 1}),
    "jwarc/cc.warc.gz": ({"html": 1}, {}),
    "made/encodings.warc.gz": ({"html": 41, "read.status": 2, "read.mime": 1}, {}),
    "resiliparse/block-sized-records.warc": ({}, {"unknown": 3}),
    "resiliparse/block-sized-records.warc.gz": ({}, {"unknown": 3}),
    "resiliparse/clipped.warc.gz": ({"html": 1}, {}),
    "resiliparse/warcfile.warc.gz": ({"html": 16}, {"warcinfo": 1, "request": 17, "metadata": 16}),
    "resiliparse/warcfile.warc.lz4": ({"html": 16}, {"warcinfo": 1, "request": 17, "metadata": 16}),
    "warcio/bad.arc": ({"read.empty_body": 3}, {"filedesc": 1}),
    "warcio/example-bad.warc.gz.bad": (
        {"html": 1, "read.revisit": 1, "read.status": 1},
        {"warcinfo": 1, "request": 2},
    ),
    "warcio/example-iana.org-chunked.warc": ({"html": 1}, {"warcinfo": 1, "request": 1}),
    "warcio/example-resource.warc.gz": ({"html": 1}, {"warcinfo": 2}),
    "warcio/example-space-in-url.arc": ({"html": 1}, {"filedesc": 1}),
    "warcio/example-trunc.warc": ({"html": 1}, {"warcinfo": 2, "request": 1}),
    "warcio/example-wget-bad-target-uri.warc.gz": (
        {"html": 1, "text": 2},
        {"warcinfo": 1, "request": 1, "metadata": 1},
    ),
    "warcio/example.arc": ({"html": 1}, {"filedesc": 1}),
    "warcio/example.arc.gz": ({"html": 1}, {"filedesc": 1}),
    "warcio/example.warc": ({"html": 1, "read.revisit": 1}, {"warcinfo": 2, "request": 2}),
    "warcio/example.warc.gz": ({"html": 1, "read.revisit": 1}, {"warcinfo": 2, "request": 2}),
    "whirlwind/whirlwind.warc": ({"html": 1}, {"warcinfo": 1, "request": 1, "metadata": 1}),
    "whirlwind/whirlwind.warc.gz": ({"html": 1}, {"warcinfo": 1, "request": 1, "metadata": 1}),
    "whirlwind/whirlwind.warc.wat": ({}, {"warcinfo": 1, "metadata": 1}),
    "whirlwind/whirlwind.warc.wat.gz": ({}, {"warcinfo": 1, "metadata": 1}),
    "whirlwind/whirlwind.warc.wet": ({"text": 1}, {"warcinfo": 1}),
    "whirlwind/whirlwind.warc.wet.gz": ({"text": 1}, {"warcinfo": 1}),
}


def read(path, unit_bytes=1 << 25):
    readers = [read_unit(unit) for unit in plan_units([str(path)], unit_bytes=unit_bytes)]
    pages = [page for reader in readers for page in reader]
    skipped = sum((reader.counts.skipped for reader in readers), Counter())
    assert sum(reader.counts.records for reader in readers) == len(pages)
    return pages, skipped, sum(reader.counts.bytes_in for reader in readers)


@pytest.mark.parametrize("name", ODD)
def test_odd_archives(shared_data, name):
    path = shared_data / "warc-odd" / name
    pages, skipped, bytes_in = read(path)
    states = Counter(page.kind if page.body else page.drop[0] if page.drop else "failed" for page in pages)
    assert (states, skipped) == ODD[name]
    assert bytes_in == path.stat().st_size
    for unit_bytes in (997, 5000):
        assert read(path, unit_bytes) == (pages, skipped, bytes_in)


def test_every_odd_file_is_tested(shared_data):
    listed = {entry["file"] for entry in json.loads((shared_data / "warc-odd" / "index.json").read_text())}
    assert listed == {*ODD, "whirlwind/CC-MAIN-2024-22.warc.paths.gz"}
    with pytest.raises(UserError, match="nothing that can be read"):  # a list of paths
        plan_units([str(shared_data / "warc-odd" / "whirlwind" / "CC-MAIN-2024-22.warc.paths.gz")])


def test_odd_details(shared_data):
    odd = shared_data / "warc-odd"
    assert [page.truncated for page in read(odd / "resiliparse/clipped.warc.gz")[0]] == ["length"]
    assert read(odd / "warcio/example-trunc.warc")[0][0].truncated == "length"
    wget = read(odd / "warcio/example-wget-bad-target-uri.warc.gz")[0]
    assert all(page.url and not page.url.startswith("<") for page in wget)
    spaced = read(odd / "warcio/example-space-in-url.arc")[0][0].url
    assert spaced and spaced.endswith("EmailTitle=Examples%20From%20The%20Live%20Web&IsPopUp=False")
    same = [read(odd / f"resiliparse/warcfile.warc.{codec}")[0] for codec in ("gz", "lz4")]
    assert [(page.id, page.body) for page in same[0]] == [(page.id, page.body) for page in same[1]]


def test_encodings(shared_data):
    odd = shared_data / "warc-odd" / "made"
    expected = [json.loads(line) for line in (odd / "encodings.expected.jsonl").read_text().splitlines()]
    pages = {page.url: page for page in read(odd / "encodings.warc.gz")[0]}
    assert len(expected) == len(pages) == 44
    for entry in expected:
        page = pages[entry["url"]]
        if page.drop is None:
            body = page.body.encode("utf-8") if page.charset == "utf-8" else None
            assert body is not None, entry["url"]
            assert hashlib.sha256(body).hexdigest() == entry["decoded_sha256"], entry


def test_the_crawl(shared_data):
    """One file of the crawl: every page, whatever the units; bytes accounted for; the pages that the index lists."""
    import gzip

    path = shared_data / "crawl" / "crawl-shared-00000.warc.gz"
    with gzip.open(shared_data / "crawl" / "pages.jsonl.gz") as lines:
        index = {row["offset"]: row for row in map(json.loads, lines) if row["file"] == path.name}
    pages, skipped, bytes_in = read(path)
    assert {page.row: page.url for page in pages} == {offset: row["url"] for offset, row in index.items()}
    assert len({page.id for page in pages}) == len(pages)
    assert skipped == {"warcinfo": 1}
    assert bytes_in == path.stat().st_size
    assert read(path, 700_001)[0] == pages


@pytest.mark.oracle
def test_records_are_those_of_fastwarc(shared_data):
    from fastwarc import ArchiveIterator, WarcRecordType

    pages_of = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion | WarcRecordType.revisit
    for name in ("dolma/sample-0000.warc.gz", "resiliparse/warcfile.warc.lz4", "warcio/example.warc"):
        path = shared_data / "warc-odd" / name
        with path.open("rb") as stream:
            theirs = [record.stream_pos for record in ArchiveIterator(stream, record_types=pages_of, parse_http=False)]
        assert [page.row for page in read(path)[0]] == theirs
