"""Archives written by hand, byte by byte, so that every test knows what lies where."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path

import lz4.frame
import pytest
import zstandard

from curate.sources import ReadOptions, Record, plan_units, read_unit

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 6, mtime=0),
    "stored": lambda data: gzip.compress(data, 0, mtime=0),  # gzip whose data appear as they are
    "zstd": lambda data: zstandard.ZstdCompressor(level=1).compress(data),
    "lz4": lambda data: lz4.frame.compress(data),
    "plain": lambda data: data,
}
SUFFIX = {"gzip": ".gz", "stored": ".gz", "zstd": ".zst", "lz4": ".lz4", "plain": ""}


class Archive:
    """Builds records and files; reads them back through the public functions."""

    compress = COMPRESS
    suffix = SUFFIX

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def http(body: bytes, status: str = "200 OK", headers: str = "Content-Type: text/html\r\n") -> bytes:
        return f"HTTP/1.1 {status}\r\n{headers}\r\n".encode("latin-1") + body

    @staticmethod
    def record(
        block: bytes,
        number: int = 1,
        kind: str = "response",
        headers: str = "",
        length: str | None = None,
        url: str = "http://example.com/",
    ) -> bytes:
        head = (
            f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number:032x}>\r\n"
            f"WARC-Date: 2024-05-01T00:00:00Z\r\nWARC-Target-URI: {url}\r\n{headers}"
            f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
        )
        return head.encode() + block + b"\r\n\r\n"

    def page(self, body: bytes, number: int = 1, **more: str) -> bytes:
        return self.record(self.http(body), number, **more)

    def write(self, records: Iterable[bytes], codec: str = "gzip", name: str = "a.warc") -> Path:
        path = self.folder / (name + SUFFIX[codec])
        path.write_bytes(b"".join(COMPRESS[codec](record) for record in records))
        return path

    @staticmethod
    def read(path: Path | str, unit_bytes: int = 1 << 25, options: ReadOptions | None = None) -> list[Record]:
        return [page for unit in plan_units([str(path)], unit_bytes=unit_bytes) for page in read_unit(unit, options)]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


@pytest.fixture(scope="session")
def archives() -> type[Archive]:
    """The builder itself, for tests that make a folder for each of many examples."""
    return Archive
