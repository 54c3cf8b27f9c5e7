"""Opening inputs: local paths directly, URLs through fsspec, both as one random-access byte source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, BinaryIO

from workbench.errors import Exit, UserError

BLOCK_BYTES = 1 << 20


def is_url(path: str) -> bool:
    """Whether `path` goes through fsspec: "s3://bucket/x", "memory://x", or a chain such as "zip://x::file.zip"."""
    return "://" in path or "::" in path


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec filesystem of `url` and the path inside it. Raises UserError for unknown or uninstalled protocols."""
    import fsspec

    try:
        fs, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise UserError(
            f"cannot open {url}: {error}", hint="install the package it names", code=Exit.MISSING
        ) from error
    except (ValueError, OSError) as error:
        raise UserError(f"cannot open {url}: {error}", code=Exit.INPUT) from error
    return fs, path


def open_binary(path: str) -> BinaryIO:
    """`path` opened for reading bytes with random access. Raises UserError (exit 4) when it cannot be."""
    try:
        if is_url(path):
            fs, inside = filesystem(path)
            file = fs.open(inside, "rb")
            with suppress(AttributeError):  # fsspec closes a zip file when nobody holds its file system any more
                file.held_filesystem = fs
            return file
        return open(path, "rb", buffering=0)  # noqa: PTH123 - RawFile keeps a buffer of its own
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot read {path}: {reason}", code=Exit.INPUT) from error


class RawFile:
    """The bytes of one input, read by offset through one block-sized buffer."""

    def __init__(self, path: str, planned_size: int | None = None) -> None:
        """Raises UserError (exit 4) when the file cannot be opened or is not as large as it was when it was planned."""
        self._file = open_binary(path)
        self.size = self._file.seek(0, os.SEEK_END)
        if planned_size is not None and planned_size != self.size:
            self._file.close()
            raise UserError(
                f"{path} had {planned_size} bytes when the run was planned and has {self.size} now",
                hint="start a new run on the changed input",
                code=Exit.INPUT,
            )
        self._buffer = b""
        self._base = 0

    def __enter__(self) -> RawFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on; fewer only at the end of the file."""
        start = offset - self._base
        if start < 0 or (start + length > len(self._buffer) and self._base + len(self._buffer) < self.size):
            self._load(offset, length)
            start = 0
        return self._buffer[start : start + length]

    def _load(self, offset: int, length: int) -> None:
        self._file.seek(offset)
        wanted = max(length, BLOCK_BYTES)
        parts = []
        while wanted > 0 and (part := self._file.read(wanted)):  # an unbuffered file may return less than asked for
            parts.append(part)
            wanted -= len(part)
        self._buffer = parts[0] if len(parts) == 1 else b"".join(parts)
        self._base = offset

    def chunks(self, offset: int) -> Iterator[bytes]:
        """The bytes from `offset` to the end, block by block."""
        while block := self.read_at(offset, BLOCK_BYTES // 4):
            yield block
            offset += len(block)

    def find(self, pattern: bytes, offset: int, limit: int) -> int:
        """The first place of `pattern` that starts in [offset, limit), or -1."""
        overlap = len(pattern) - 1
        while offset < limit:
            block = self.read_at(offset, min(BLOCK_BYTES, limit - offset + overlap))
            found = block.find(pattern)
            if found >= 0:
                return offset + found
            if len(block) <= overlap:
                return -1
            offset += len(block) - overlap
        return -1
