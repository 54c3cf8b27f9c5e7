"""HTTP responses as crawlers store them: head, transfer and content encoding undone, with a limit on what comes out.

Headers describe what the server sent, not always what the crawler stored. So an encoding is undone only where the bytes
show it: a body that is no gzip although its header says so is taken as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import brotli

from curate.sources.compression import (
    ERRORS,
    MAGIC,
    ZSTD,
    Decompressor,
    deflate_stream,
    gzip_member,
    zlib_stream,
    zstd_frame,
)
from curate.sources.framing import header_fields
from curate.sources.mime import looks_binary

# HTML compresses to a tenth, very repetitive tables to a fiftieth; deflate's limit is 1:1032.
BOMB_RATIO = 100
_FEED_BYTES = 4 << 10  # small, so that input and output belong together when the ratio is taken
_BROTLI_OUT_BYTES = 1 << 20
_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})\b")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


@dataclass(slots=True)
class Response:
    """A decoded response. `truncated` is "length" (the body ends early) or "cap" (it was cut); with `error` no body."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    truncated: str | None = None
    error: str | None = None


class BadEncoding(Exception):
    """The body is not what its Content-Encoding says. `started`: its first bytes were, so it is damaged."""

    def __init__(self, message: str, *, started: bool) -> None:
        super().__init__(message)
        self.started = started


def parse_response(block: bytes, max_body_bytes: int) -> Response:
    """A stored response with its body decoded; without a status line the whole block is the body."""
    status_line = _STATUS_LINE.match(block)
    if status_line is None:
        return Response(body=block)
    blank = _BLANK_LINE.search(block, status_line.end())
    head, body = (block[: blank.start()], block[blank.end() :]) if blank else (block, b"")
    headers = header_fields(head.decode("latin-1").split("\n")[1:])
    response = Response(int(status_line[1]), headers, body)
    if 200 <= response.status < 300:  # type: ignore[operator]
        _decode_body(response, max_body_bytes)
    return response


def _decode_body(response: Response, cap: int) -> None:
    headers = response.headers
    transfer = _tokens(headers.get("transfer-encoding", ""))
    if "chunked" in transfer:
        response.body, whole = dechunk(response.body)
        if not whole:
            response.truncated = "length"
    elif len(response.body) < _content_length(headers):
        response.truncated = "length"
    for encoding in reversed(_tokens(headers.get("content-encoding", "")) + [t for t in transfer if t != "chunked"]):
        try:
            response.body, note = decompress(response.body, encoding, cap)
        except BadEncoding as error:
            if error.started or looks_binary(response.body):
                response.error = str(error)
                return
            continue
        response.truncated = note or response.truncated
        if note == "bomb":
            response.truncated, response.body = None, b""
            response.error = f"{encoding} body over {cap} bytes, more than {BOMB_RATIO} times what was sent"
            return
    if len(response.body) > cap:
        response.body, response.truncated = response.body[:cap], "cap"


def dechunk(body: bytes) -> tuple[bytes, bool]:
    """The body without its chunk sizes, and whether it is whole. A body that is not chunked is given back."""
    parts: list[bytes] = []
    at = 0
    while size_line := _CHUNK_SIZE.match(body, at):
        start, size = size_line.end(), int(size_line[1], 16)
        if size == 0:
            return b"".join(parts), True
        end = start + size
        line_end = body[end : end + 2]
        at = end + (2 if line_end == b"\r\n" else 1)
        if line_end[:1] not in (b"\r", b"\n", b""):
            if not parts:
                return body, True  # the first line only looked like a size
            break
        parts.append(body[start:end])
    return (b"".join(parts), False) if parts else (body, True)


def decompress(body: bytes, encoding: str, cap: int) -> tuple[bytes, str | None]:
    """`body` without one encoding, at most `cap` bytes, and a note: None, "length" (ends early), "cap" or "bomb".

    Unknown encodings and bodies that do not carry the encoding's magic bytes come back unchanged. Raises BadEncoding.
    """
    if encoding in ("gzip", "x-gzip"):
        return _inflate(body, gzip_member, cap, encoding) if body.startswith(MAGIC["gzip"]) else (body, None)
    if encoding == "zstd":
        return _inflate(body, zstd_frame, cap, encoding) if body.startswith(MAGIC[ZSTD]) else (body, None)
    if encoding == "deflate":
        # RFC 9110 means zlib streams, some servers send raw deflate; the zlib header is a multiple of 31.
        if body[:1] and body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0:
            return _inflate(body, zlib_stream, cap, encoding)
        return _inflate(body, deflate_stream, cap, encoding, sure=False)
    if encoding == "br":
        return _unbrotli(body, cap)
    return body, None


def _inflate(
    body: bytes, make: Callable[[], Decompressor], cap: int, name: str, *, sure: bool = True
) -> tuple[bytes, str | None]:
    out: list[bytes] = []
    made, at = 0, 0
    decompressor = make()
    while True:
        if decompressor.eof:
            at -= len(decompressor.unused_data or b"")
            if make is not gzip_member or not body.startswith(MAGIC["gzip"], at):
                return b"".join(out), None
            decompressor = make()  # a gzip body may be several members, as a gzip file
        data = body[at : at + _FEED_BYTES] if decompressor.needs_input else b""
        if not data and decompressor.needs_input:
            return b"".join(out), "length"
        at += len(data)
        try:
            piece = decompressor.decompress(data, cap + 1 - made)
        except ERRORS as error:
            raise BadEncoding(f"{name} body is damaged", started=sure or bool(out)) from error
        out.append(piece)
        made += len(piece)
        if made > cap:
            return b"".join(out)[:cap], "bomb" if made > at * BOMB_RATIO else "cap"


def _unbrotli(body: bytes, cap: int) -> tuple[bytes, str | None]:
    decompressor = brotli.Decompressor()
    out: list[bytes] = []
    made, at = 0, 0
    while not decompressor.is_finished():
        data = b""
        if decompressor.can_accept_more_data():
            data = body[at : at + _FEED_BYTES]
            if not data:
                return b"".join(out), "length"
            at += len(data)
        try:
            piece = decompressor.process(data, output_buffer_limit=_BROTLI_OUT_BYTES)
        except brotli.error as error:
            raise BadEncoding("br body is damaged", started=bool(out)) from error
        out.append(piece)
        made += len(piece)
        if made > cap:
            return b"".join(out)[:cap], "bomb" if made > at * BOMB_RATIO else "cap"
    return b"".join(out), None


def _tokens(header: str) -> list[str]:
    names = (part.strip().lower() for part in header.split(","))
    return [name for name in names if name not in ("", "identity")]


def _content_length(headers: dict[str, str]) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isdecimal() and len(text) < 16 else 0
