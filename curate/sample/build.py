"""Writing the sample crawl: one WARC file, and the truth about each of its records.

The bytes are a function of the seed (for one version of the compressors).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path

from curate.sample import warc
from curate.sample.crawl import Planted, crawl
from curate.sample.planted import Truth
from curate.sample.warc import WarcRecord
from curate.sources.record import record_id

FILE = "sample.warc.gz"


def write_warc(path: Path, seed: int = 0) -> list[Truth]:
    """Write the sample as a WARC file and return the truth about its pages, in file order."""
    data, truths = _built(seed)
    path.write_bytes(data)
    return [replace(truth, file=path.name) for truth in truths]


def truth(seed: int = 0) -> list[Truth]:
    """What is known about every record of the sample that becomes a row, in file order."""
    return list(_built(seed)[1])


@cache
def _built(seed: int) -> tuple[bytes, tuple[Truth, ...]]:
    records: list[tuple[int, WarcRecord, Truth | None]] = [(0, _warcinfo(), None)]
    for place, planted in enumerate(crawl(seed)):
        records += [(place, record, known) for record, known in _with_company(planted, place)]
    out = BytesIO()
    offsets = warc.write(out, [(place, record) for place, record, _ in records], seed)
    truths = tuple(
        replace(known, id=record_id(warc.record_key(seed, record.name)), file=FILE, row=offset)
        for (_, record, known), offset in zip(records, offsets, strict=True)
        if known is not None
    )
    return out.getvalue(), truths


def _warcinfo() -> WarcRecord:
    said = "software: winnow sample\r\nformat: WARC File Format 1.0\r\ndescription: an invented crawl\r\n"
    return WarcRecord(
        "warcinfo", "warcinfo", said.encode(), content_type="application/warc-fields",
        fields=[("WARC-Filename", FILE)],
    )  # fmt: skip


def _with_company(planted: Planted, place: int) -> Iterator[tuple[WarcRecord, Truth | None]]:
    """Every fourth record comes after its request, every fifth has its metadata behind it, as crawlers write them."""
    record = planted.record
    if place % 4 == 0:
        host, _, path = record.url.removeprefix("https://").partition("/")
        asked = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: samplebot/1.0\r\nAccept: text/html\r\n\r\n"
        kind = "application/http; msgtype=request"
        yield WarcRecord("request", f"request/{place}", asked.encode(), record.url, kind), None
    yield record, planted.truth
    if place % 5 == 0:
        said = b"fetchTimeMs: 184\r\ncharset-detected: UTF-8\r\n"
        yield WarcRecord("metadata", f"metadata/{place}", said, record.url, "application/warc-fields"), None
