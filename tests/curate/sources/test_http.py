"""HTTP responses: encodings undone where the bytes show them, limits, and headers that lie."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
import zstandard

from curate.sources.http import BOMB_RATIO, dechunk, decompress, parse_response

PAGE = b"<!doctype html><title>t</title>" + b"<p>Some words of a page.</p>" * 40
CAP = 1 << 20


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def chunked(data: bytes, size: int = 100) -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def answer(body: bytes, headers: str, cap: int = CAP):
    return parse_response(b"HTTP/1.1 200 OK\r\n" + headers.encode() + b"\r\n" + body, cap)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(PAGE, mtime=0)),
        ("x-gzip", gzip.compress(PAGE, mtime=0)),
        ("GZIP", gzip.compress(PAGE[:100], mtime=0) + gzip.compress(PAGE[100:], mtime=0)),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", raw_deflate(PAGE)),
        ("br", brotli.compress(PAGE)),
        ("zstd", zstandard.ZstdCompressor().compress(PAGE)),
        ("gzip, br", brotli.compress(gzip.compress(PAGE, mtime=0))),
        ("identity", PAGE),
        ("utf-8", PAGE),
    ],
)
def test_content_encodings(encoding, body):
    response = answer(body, f"Content-Encoding: {encoding}\r\n")
    assert (response.body, response.truncated, response.error) == (PAGE, None, None)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_header_that_outlived_its_encoding(encoding):
    assert answer(PAGE, f"Content-Encoding: {encoding}\r\n").body == PAGE


def test_chunks_hold_the_compressed_body():
    response = answer(chunked(gzip.compress(PAGE, mtime=0)), "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n")
    assert (response.body, response.truncated) == (PAGE, None)


def test_transfer_encoding_may_compress_too():
    assert answer(chunked(gzip.compress(PAGE, mtime=0)), "Transfer-Encoding: gzip, chunked\r\n").body == PAGE


@pytest.mark.parametrize(
    ("body", "expected", "whole"),
    [
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello", True),
        (b"5;name=value\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", b"hello", True),
        (b"3\nabc\n2\nde\n0\n\n", b"abcde", True),
        (b"5\r\nhello\r\nA\r\nwor", b"hellowor", False),
        (b"5\r\nhello\r\nnot a size", b"hello", False),
        (b"<html>never chunked", b"<html>never chunked", True),
        (b"abc\r\ntext that begins like a size, and is longer than that", None, True),
        (b"0\r\n\r\n", b"", True),
        (b"", b"", True),
    ],
)
def test_dechunk(body, expected, whole):
    if expected is None:
        body += b"." * 4000  # longer than the 0xabc bytes that the first line would claim
        expected = body
    assert dechunk(body) == (expected, whole)


def test_a_short_body_is_noted():
    assert answer(PAGE, f"Content-Length: {len(PAGE) + 1}\r\n").truncated == "length"
    assert answer(PAGE, f"Content-Length: {len(PAGE)}\r\n").truncated is None
    assert answer(gzip.compress(PAGE, mtime=0)[:-20], "Content-Encoding: gzip\r\n").truncated == "length"


def test_a_damaged_body_is_an_error():
    body = bytearray(gzip.compress(PAGE, mtime=0))
    body[30] ^= 0xFF
    assert answer(bytes(body), "Content-Encoding: gzip\r\n").error == "gzip body is damaged"


def test_a_body_over_the_cap_is_cut_and_a_bomb_fails():
    assert answer(PAGE, "", cap=100).body == PAGE[:100]
    mild = bytes(range(256)) * 40
    response = answer(gzip.compress(mild, mtime=0), "Content-Encoding: gzip\r\n", cap=5000)
    assert (response.body, response.truncated) == (mild[:5000], "cap")
    zeros = bytes(50_000_000)
    packers = {"gzip": gzip.compress, "deflate": zlib.compress, "br": lambda data: brotli.compress(data, quality=1)}
    packers["zstd"] = zstandard.ZstdCompressor().compress
    for encoding, pack in packers.items():
        response = answer(pack(zeros), f"Content-Encoding: {encoding}\r\n")
        assert response.error == f"{encoding} body over {CAP} bytes, more than {BOMB_RATIO} times what was sent"
        assert (response.body, response.truncated) == (b"", None)


def test_an_unknown_encoding_changes_nothing():
    assert decompress(b"abc", "compress", CAP) == (b"abc", None)


def test_heads():
    response = parse_response(b"HTTP/1.0 404 Not Found\nContent-Type: text/html\n folded\nX: 1\nX: 2\n\nbody", CAP)
    assert (response.status, response.body) == (404, b"body")
    assert response.headers == {"content-type": "text/html folded", "x": "1"}
    assert parse_response(b"HTTP/1.1 200 OK", CAP).body == b""
    assert parse_response(b"<html>no head", CAP) == parse_response(b"<html>no head", 1)
    assert parse_response(b"HTTP/2 200\r\n\r\nx", CAP).status == 200
