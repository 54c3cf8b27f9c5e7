"""The three compressions of archives behind one small interface: bounded output, explicit end, what is left over.

A `Decompressor` works on one member (gzip) or one frame (zstd, lz4), as Python's own `bz2.BZ2Decompressor` does.
Inflating is half of the time of reading an archive; isal inflates gzip about twice as fast as zlib.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import lz4.frame
import zstandard
from isal import igzip_lib

from curate.sources.files import RawFile

GZIP = "gzip"
ZSTD = "zstd"
LZ4 = "lz4"
PLAIN = "plain"

MAGIC = {GZIP: b"\x1f\x8b\x08", ZSTD: b"\x28\xb5\x2f\xfd", LZ4: b"\x04\x22\x4d\x18"}
# The first frame of a .warc.zst may be a skippable frame that holds the dictionary of all others
# (https://iipc.github.io/warc-specifications/specifications/warc-zstd/).
_ZSTD_DICTIONARY_MAGIC = b"\x5d\x2a\x4d\x18"
_ZSTD_SKIPPABLE = tuple(bytes([0x50 + i]) + b"\x2a\x4d\x18" for i in range(16))
_MAX_DICTIONARY_BYTES = 64 << 20

# lz4 raises a plain RuntimeError for bad data.
ERRORS: tuple[type[Exception], ...] = (
    igzip_lib.IsalError,  # type: ignore[assignment]  # its stub declares the class as an instance
    zstandard.ZstdError,
    RuntimeError,
)


class Decompressor(Protocol):
    """One member's decompressor; `decompress(b"", n)` goes on with input it already holds."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...  # lz4 gives None for nothing

    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


class _ZstdFrame:
    """zstandard's decompressobj has no output limit, so input goes in by small steps: 1 KB gives at most 32 MB."""

    _STEP = 1024

    def __init__(self, dictionary: zstandard.ZstdCompressionDict | None) -> None:
        self._frame = zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
        self._pending = b""

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def needs_input(self) -> bool:
        return not self.eof and not self._pending

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self._pending

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        pending = self._pending + data
        out: list[bytes] = []
        size, at = 0, 0
        while at < len(pending) and not self._frame.eof and (max_length < 0 or size < max_length):
            piece = self._frame.decompress(pending[at : at + self._STEP])
            at += self._STEP
            out.append(piece)
            size += len(piece)
        self._pending = pending[at:]
        return b"".join(out)


def gzip_member() -> Decompressor:
    """A decompressor of one gzip member (header, data, checksum)."""
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def zlib_stream() -> Decompressor:
    """A decompressor of one zlib stream (RFC 1950)."""
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_ZLIB)


def deflate_stream() -> Decompressor:
    """A decompressor of one raw deflate stream (RFC 1951)."""
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)


def zstd_frame() -> Decompressor:
    """A decompressor of one zstd frame without a dictionary."""
    return _ZstdFrame(None)


def codec_of(head: bytes) -> str:
    """The compression that a file's first bytes announce."""
    for codec, magic in MAGIC.items():
        if head.startswith(magic):
            return codec
    return ZSTD if head.startswith(_ZSTD_SKIPPABLE) else PLAIN


def decompressor_factory(raw: RawFile, codec: str) -> Callable[[], Decompressor]:
    """A maker of member decompressors for this file: it loads the file's zstd dictionary where there is one."""
    if codec == GZIP:
        return gzip_member
    if codec == LZ4:
        return lz4.frame.LZ4FrameDecompressor
    dictionary = _zstd_dictionary(raw)
    return lambda: _ZstdFrame(dictionary)


def header_end(raw: RawFile, codec: str, start: int) -> int:
    """Where the data begin of the gzip member that starts at `start` (RFC 1952); of the others' headers, `start`.

    A gzip header holds as much of anything as its flags say: an extra field, a name, a comment.
    """
    if codec != GZIP:
        return start
    flags, at = raw.read_at(start + 3, 1)[0], start + 10
    if flags & 0x04:
        at += 2 + int.from_bytes(raw.read_at(at, 2), "little")
    for text in (0x08, 0x10):
        if flags & text:
            end = raw.find(b"\0", at, raw.size)
            at = end + 1 if end >= 0 else raw.size
    return at + 2 if flags & 0x02 else at


def first_member(raw: RawFile, codec: str) -> int:
    """Where a compressed file's first member with data starts: after the dictionary of a zstd file, else 0."""
    at = 0
    while codec == ZSTD and (head := raw.read_at(at, 8)).startswith(_ZSTD_SKIPPABLE):
        at += 8 + int.from_bytes(head[4:], "little")
    return at


def _zstd_dictionary(raw: RawFile) -> Any:
    head = raw.read_at(0, 8)
    if not head.startswith(_ZSTD_DICTIONARY_MAGIC):
        return None
    length = int.from_bytes(head[4:8], "little")
    if length > _MAX_DICTIONARY_BYTES:
        return None
    data = raw.read_at(8, length)
    if data.startswith(MAGIC[ZSTD]):
        data = zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_DICTIONARY_BYTES)
    return zstandard.ZstdCompressionDict(data)
