"""Records as pages: states, lengths that are wrong, types that are no pages, ARC."""

from __future__ import annotations

import gzip
import random

import pytest
import zstandard

from curate.sources import ReadOptions, plan_units, read_unit, record_id


def test_a_page_and_its_place(archive):
    first = archive.page(b"<p>one", 1)
    path = archive.write([first, archive.page(b"<p>two", 2, headers="WARC-Truncated: time\r\n")])
    one, two = archive.read(path)
    assert (one.id, one.url, one.host) == (record_id(f"urn:uuid:{1:032x}"), "http://example.com/", "example.com")
    assert (one.date, one.file, one.row, one.kind) == ("2024-05-01T00:00:00Z", "a.warc.gz", 0, "html")
    assert (one.mime, one.charset, one.truncated, one.body) == ("text/html", "utf-8", None, "<p>one")
    assert (two.row, two.truncated) == (len(gzip.compress(first, 6, mtime=0)), "time")


@pytest.mark.parametrize(
    ("block", "drop"),
    [
        (b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", ("read.status", "301")),
        (b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>gone", ("read.status", "404")),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", ("read.empty_body", "0")),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n \n", ("read.empty_body", "2")),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\nx", ("read.mime", "image/png")),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n\x89PNG\r\n\x1a\n", ("read.mime", "image/png")),
    ],
)
def test_drops(archive, block, drop):
    [page] = archive.read(archive.write([archive.record(block)]))
    assert (page.drop, page.body, page.error) == (drop, None, None)


def test_other_record_types_are_counted_not_rows(archive):
    kinds = ["warcinfo", "request", "response", "metadata", "revisit", "resource", "conversion", "unheard-of"]
    blocks = {"response": archive.http(b"<p>x"), "conversion": b"Words of a page.", "resource": b"<html>y"}
    path = archive.write(
        [archive.record(blocks.get(kind, b"x"), number, kind) for number, kind in enumerate(kinds)], "plain"
    )
    [unit] = plan_units([str(path)])
    reader = read_unit(unit)
    pages = list(reader)
    assert [(page.kind, page.body, page.drop) for page in pages] == [
        ("html", "<p>x", None),
        ("html", None, ("read.revisit", "")),
        ("html", "<html>y", None),
        ("text", "Words of a page.", None),
    ]
    assert reader.counts.skipped == {"warcinfo": 1, "request": 1, "metadata": 1, "unheard-of": 1}
    assert (reader.counts.records, reader.counts.bytes_in) == (4, path.stat().st_size)


@pytest.mark.parametrize("codec", ["gzip", "plain"])
@pytest.mark.parametrize("length", ["3", "100000", "", "-1", "many", "99999999999999999999"])
def test_a_wrong_length_costs_nothing(archive, codec, length):
    wrong = archive.page(b"<p>some text\r\n\r\nof two parts", 2, length=length)
    path = archive.write([archive.page(b"<p>before"), wrong, archive.page(b"<p>after", 3)], codec)
    pages = archive.read(path)
    assert [page.body for page in pages] == ["<p>before", "<p>some text\r\n\r\nof two parts", "<p>after"]
    assert [page.truncated for page in pages] == [None, "length", None]


@pytest.mark.parametrize("codec", ["gzip", "zstd", "lz4", "plain"])
def test_a_clipped_file_keeps_the_page_it_ends_in(archive, codec):
    long = b"<p>" + bytes(random.Random(3).choices(range(32, 127), k=3000))
    path = archive.write([archive.page(b"<p>whole"), archive.page(long, 2)], codec)
    path.write_bytes(path.read_bytes()[:-700])
    first, second = archive.read(path)
    assert (first.body, first.truncated) == ("<p>whole", None)
    if codec in ("zstd", "lz4"):  # one block holds the whole page, and half a block cannot be read
        assert second.error is not None
    else:
        assert second.truncated == "length"
        assert second.body and len(second.body) < len(long)


def test_a_file_that_ends_in_another_record_says_so(archive):
    path = archive.write([archive.page(b"<p>a"), archive.record(b"x" * 500, 2, "request")], "plain")
    path.write_bytes(path.read_bytes()[:-200])
    assert archive.read(path)[1].error == "the file ends inside this request record"


def test_a_page_in_a_damaged_member_fails_with_its_url(archive):
    parts = [archive.compress["gzip"](archive.page(b"<p>%d" % number * 30, number)) for number in range(3)]
    parts[1] = parts[1][:-6] + b"\0\0" + parts[1][-4:]  # the checksum
    path = archive.folder / "a.warc.gz"
    path.write_bytes(b"".join(parts))
    pages = archive.read(path)
    assert [page.error is None for page in pages] == [True, False, True]
    assert (pages[1].url, pages[1].row, pages[1].id) == (
        "http://example.com/",
        len(parts[0]),
        record_id(f"urn:uuid:{1:032x}"),
    )
    assert pages[1].error == f"compressed data from byte {len(parts[0])} on are damaged (incorrect checksum found)"


def test_good_records_before_damage_in_a_single_member_survive(archive):
    data = gzip.compress(b"".join(archive.page(b"<p>%d" % number, number) for number in range(50)), 6, mtime=0)
    path = archive.folder / "a.warc.gz"
    path.write_bytes(data[:-100] + b"\xff" * 50 + data[-50:])
    pages = archive.read(path)
    assert [page.body for page in pages[:30]] == [f"<p>{number}" for number in range(30)]
    assert pages[-1].error is not None


def test_a_page_over_the_cap_is_cut(archive):
    path = archive.write([archive.page(b"<p>" + b"x" * 5000), archive.page(b"<p>next", 2)], "plain")
    first, second = archive.read(path, options=ReadOptions(max_body_bytes=100))
    assert (first.body, first.truncated, second.body) == ("<p>" + "x" * 97, "cap", "<p>next")


def test_a_zstd_file_with_its_dictionary_in_front(archive):
    pages = [archive.page(b"<p>Some words of page %d." % number, number) for number in range(200)]
    dictionary = zstandard.train_dictionary(2000, pages)
    packer = zstandard.ZstdCompressor(dict_data=dictionary)
    raw = dictionary.as_bytes()
    head = b"\x5d\x2a\x4d\x18" + len(raw).to_bytes(4, "little") + raw
    path = archive.folder / "a.warc.zst"
    path.write_bytes(head + b"".join(map(packer.compress, pages)))
    found = [page.body for unit in plan_units([str(path)], unit_bytes=3000) for page in read_unit(unit)]
    assert found == [f"<p>Some words of page {number}." for number in range(200)]


def test_ids_without_a_record_id(archive):
    block = archive.http(b"<p>x")
    head = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: %d\r\n" % len(block)
    dated = (
        head
        + b"WARC-Target-URI: http://a/\r\nWARC-Date: D\r\nWARC-Payload-Digest: sha1:X\r\n\r\n"
        + block
        + b"\r\n\r\n"
    )
    bare = head + b"\r\n" + block + b"\r\n\r\n"
    pages = archive.read(archive.write([dated, bare], "plain"))
    assert [page.id for page in pages] == [record_id("http://a/", "D", "sha1:X"), record_id("a.warc", str(len(dated)))]


ARC_HEAD = (
    b"filedesc://x.arc 127.0.0.1 20140102030405 text/plain 62\n"
    b"1 0 X\nURL IP-address Archive-date Content-type Archive-length\n"
)


def test_arc(archive):
    def arc(url: bytes, block: bytes, length: int | None = None, mime: bytes = b"text/html") -> bytes:
        return b"%s 10.0.0.1 20140216050221 %s %d\n%s\n" % (url, mime, length or len(block), block)

    blocks = [archive.http(b"<p>one"), archive.http(b"<p>two\nmore"), b"dns answer", archive.http(b"<p>four")]
    records = [
        ARC_HEAD,
        arc(b"http://a.com/x y?z=1 2", blocks[0]),
        arc(b"http://b.com/", blocks[1], 5),
        arc(b"dns:b.com", blocks[2], mime=b"text/dns"),
        arc(b"http://c.com/", blocks[3], 10**9),
    ]
    for codec in ("plain", "gzip"):
        path = archive.write(records, codec, f"{codec}.arc")
        pages = archive.read(path)
        assert [(page.url, page.date) for page in pages[:1]] == [("http://a.com/x%20y?z=1%202", "2014-02-16T05:02:21Z")]
        assert [page.body for page in pages] == ["<p>one", "<p>two\nmore", None, "<p>four"]
        assert pages[2].drop == ("read.mime", "text/dns")
        assert [page.truncated for page in pages] == [None, "length", None, "length"]
        assert [page.host for page in pages] == ["a.com", "b.com", None, "c.com"]
        split = [page.row for unit in plan_units([str(path)], unit_bytes=60) for page in read_unit(unit)]
        assert split == [page.row for page in pages]
