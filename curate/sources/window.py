"""A forward window over a stream of chunks, which goes back by starting the stream again when a length proved wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from curate.sources.members import Damage

_NOT_BLANK = re.compile(rb"[^\r\n \t\0]")


class Window:
    """Reads a stream by `tell`, `peek`, `read`, `skip` and `seek`. Damage ends the stream and stays in `damage`."""

    def __init__(self, chunks_from: Callable[[int], Iterator[bytes]], offset: int = 0) -> None:
        self.damage: Damage | None = None
        self._chunks_from = chunks_from
        self._start(offset)

    def _start(self, offset: int) -> None:
        self._chunks = self._chunks_from(offset)
        self._base = offset  # stream offset of buffer[0]
        self.buffer = b""
        self.at = 0  # where in the buffer the window stands

    def tell(self) -> int:
        """The offset in the stream."""
        return self._base + self.at

    def seek(self, offset: int) -> None:
        """Stand at `offset`; outside the buffer this begins the stream again."""
        if self._base <= offset <= self._base + len(self.buffer):
            self.at = offset - self._base
        else:
            self._start(offset)

    def more(self) -> bool:
        """Append the next chunk to what is left in the buffer; False at the end."""
        try:
            chunk = next(self._chunks, b"")
        except Damage as damage:
            self.damage = damage
            return False
        if not chunk:
            return False
        self._base += self.at
        self.buffer = self.buffer[self.at :] + chunk if self.at < len(self.buffer) else chunk
        self.at = 0
        return True

    def peek(self, length: int) -> bytes:
        """Up to `length` bytes ahead."""
        while len(self.buffer) - self.at < length and self.more():
            pass
        return self.buffer[self.at : self.at + length]

    def read(self, length: int) -> bytes:
        """Up to `length` bytes; fewer only at the end."""
        if len(self.buffer) - self.at >= length:
            self.at += length
            return self.buffer[self.at - length : self.at]
        parts = []
        while length > 0 and (self.at < len(self.buffer) or self.more()):
            parts.append(self.buffer[self.at : self.at + length])
            self.at += len(parts[-1])
            length -= len(parts[-1])
        return b"".join(parts)

    def skip(self, length: int) -> int:
        """Go on by up to `length` bytes; returns by how many."""
        left = length
        while left > 0 and (self.at < len(self.buffer) or self.more()):
            step = min(left, len(self.buffer) - self.at)
            self.at += step
            left -= step
        return length - left

    def skip_blank(self) -> bool:
        """Go on to the next byte that is no line break, blank or NUL; False at the end."""
        while True:
            found = _NOT_BLANK.search(self.buffer, self.at)
            if found:
                self.at = found.start()
                return True
            self.at = len(self.buffer)
            if not self.more():
                return False

    def find(self, pattern: re.Pattern[bytes], limit: int) -> re.Match[bytes] | None:
        """The first match in the next `limit` bytes, which stay in the buffer; nothing moves."""
        while True:
            found = pattern.search(self.buffer, self.at, self.at + limit)
            if found or len(self.buffer) - self.at >= limit or not self.more():
                return found
