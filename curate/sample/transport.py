"""From an HTML string to the bytes of a stored HTTP response: charset, declarations, content and transfer encodings."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass

import brotli
import zstandard

CHUNK_BYTES = 1400
REASONS = {
    200: "OK", 204: "No Content", 301: "Moved Permanently", 302: "Found", 307: "Temporary Redirect",
    308: "Permanent Redirect", 403: "Forbidden", 404: "Not Found", 410: "Gone", 429: "Too Many Requests",
    500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Transport:
    """How one page is served; the fields are explained in variants.yaml."""

    charset: str = "utf-8"
    label: str = ""
    declare: str = "both"
    encoding: str = ""
    chunked: bool = False
    shape: str = ""

    @property
    def declared(self) -> str:
        """The label of the charset in the page's own declarations."""
        return self.label or self.charset

    def meta(self, *, old: bool) -> str:
        """The markup that declares the charset: nothing where only the header does, or nobody."""
        if self.declare not in ("meta", "both"):
            return ""
        if old:
            return f'<meta http-equiv="Content-Type" content="text/html; charset={self.declared}" />'
        return f'<meta charset="{self.declared}">'

    def content_type(self) -> str:
        """The Content-Type header."""
        if self.declare.startswith("wrong "):
            return f"text/html; charset={self.declare[6:]}"
        return f"text/html; charset={self.declared}" if self.declare in ("header", "both") else "text/html"


def encode(text: str, charset: str) -> bytes:
    """`text` in `charset`; what it cannot hold becomes a character reference. utf-16 is little endian with its mark."""
    if charset == "utf-16":
        return b"\xff\xfe" + text.encode("utf-16-le")
    if charset == "utf-16-be-sig":
        return b"\xfe\xff" + text.encode("utf-16-be")
    # The label shift_jis means Microsoft's code page to every browser and, in practice, to every author.
    return text.encode({"shift_jis": "cp932"}.get(charset, charset), "xmlcharrefreplace")


def response(body: bytes, transport: Transport, *, date: str, content_type: str | None = None) -> bytes:
    """A stored response of status 200 with the body encoded as `transport` says."""
    headers = [("Content-Type", content_type or transport.content_type())]
    if transport.encoding:
        name = {"raw-deflate": "deflate", "said-gzip": "gzip"}.get(transport.encoding, transport.encoding)
        headers += [("Content-Encoding", name), ("Vary", "Accept-Encoding")]
        body = _compressed(body, transport.encoding)
    if transport.chunked:
        headers.append(("Transfer-Encoding", "chunked"))
        body = _in_chunks(body)
    return message(200, headers, body, date=date)


def message(status: int, headers: list[tuple[str, str]], body: bytes, *, date: str) -> bytes:
    """A stored response: status line, headers, body. The length is declared unless the body comes in chunks."""
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", f"Date: {date}", "Server: nginx"]
    lines += [f"{name}: {value}" for name, value in headers]
    if not any(name in ("Transfer-Encoding", "Content-Length") for name, _ in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8") + body


def _compressed(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.compress(body, 6, mtime=0)
    if encoding == "br":
        return brotli.compress(body, quality=5)
    if encoding == "deflate":
        return zlib.compress(body, 6)
    if encoding == "raw-deflate":
        raw = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        return raw.compress(body) + raw.flush()
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=3).compress(body)
    assert encoding == "said-gzip", encoding
    return body


def _in_chunks(body: bytes) -> bytes:
    parts = [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
