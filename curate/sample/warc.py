"""Writing WARC files that depend on nothing but what is written: fixed dates, ids from names, one member a record."""

from __future__ import annotations

import base64
import gzip
import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

NAMESPACE = uuid.UUID("6f1a2a5e-3c0b-5d44-9a51-7d1a3c0e8b21")
FIRST_DATE = datetime(2026, 3, 1, 4, 0, 0, tzinfo=UTC)


@dataclass(slots=True)
class WarcRecord:
    """A record to be written; `name` decides its id."""

    type: str
    name: str
    block: bytes
    url: str = ""
    content_type: str = "application/http; msgtype=response"
    payload: bytes | None = None  # the bytes behind WARC-Payload-Digest
    fields: list[tuple[str, str]] = field(default_factory=list)


def record_key(seed: int, name: str) -> str:
    """The WARC-Record-ID of a name, without its angle brackets."""
    return f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{seed}/{name}')}"


def date_of(place: int) -> datetime:
    """When the record at this place was "crawled"."""
    return FIRST_DATE + timedelta(seconds=37 * place)


def http_date(place: int) -> str:
    """The same moment as an HTTP header."""
    return date_of(place).strftime("%a, %d %b %Y %H:%M:%S GMT")


def write(out: BinaryIO, records: list[tuple[int, WarcRecord]], seed: int) -> list[int]:
    """Write `records`, each with its place in the crawl, and return the byte offset of each."""
    offsets = []
    for place, record in records:
        offsets.append(out.tell())
        out.write(gzip.compress(_bytes(record, place, seed), 6, mtime=0))
    return offsets


def _bytes(record: WarcRecord, place: int, seed: int) -> bytes:
    fields = [
        ("WARC-Type", record.type),
        ("WARC-Record-ID", f"<{record_key(seed, record.name)}>"),
        ("WARC-Date", date_of(place).strftime("%Y-%m-%dT%H:%M:%SZ")),
    ]
    if record.url:
        fields.append(("WARC-Target-URI", record.url))
    if record.payload is not None:
        fields.append(("WARC-Payload-Digest", _digest(record.payload)))
    fields += [
        ("WARC-Block-Digest", _digest(record.block)),
        *record.fields,
        ("Content-Type", record.content_type),
        ("Content-Length", str(len(record.block))),
    ]
    head = "WARC/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
    return head.encode("utf-8") + record.block + b"\r\n\r\n"


def _digest(data: bytes) -> str:
    # The WARC standard's customary form; it identifies bytes, it protects nothing.
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
