"""Compressed members as streams of records: find where they start, follow them, find the next one after damage.

An archive compressed record by record is a chain of members. A member whose data begin like a record starts a `Group`;
a member that does not (a file compressed in arbitrary pieces) goes on with the group before it. So a file of one member
per record, a file of a single member, and everything between are read by the same code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from curate.sources.compression import (
    ERRORS,
    MAGIC,
    PLAIN,
    Decompressor,
    decompressor_factory,
    first_member,
    header_end,
)
from curate.sources.files import BLOCK_BYTES, RawFile

FEED_BYTES = 16 << 10
OUT_BYTES = 1 << 20
PREFIX_BYTES = 4096  # enough for the longest first line of a record (ARC puts the URL there)
MAX_LOOKBACK_BYTES = 4 << 20
_PADDING = b"\0\r\n "


class Damage(Exception):
    """Compressed data end early (`clipped`) or are not what their checksum says."""

    def __init__(self, message: str, *, clipped: bool = False) -> None:
        super().__init__(message)
        self.clipped = clipped


class Gap(NamedTuple):
    """A stretch of a file in which no record can be read."""

    start: int
    end: int


class Member:
    """One gzip member, zstd frame or lz4 frame, read from `start` on."""

    def __init__(self, raw: RawFile, start: int, make: Callable[[], Decompressor]) -> None:
        self.start = start
        self.damage: Damage | None = None
        self._raw = raw
        self._make = make
        self._decompressor = make()
        self._fed = start  # where the next compressed byte comes from
        self._made = 0  # decompressed bytes so far
        self._kept = b""

    @property
    def end(self) -> int:
        """Just after the member in the file; known once `read` has returned b""."""
        return self._fed - len(self._decompressor.unused_data or b"")

    def peek(self, length: int) -> bytes:
        """The first decompressed bytes, without using them up; what can be had of them, if there is damage."""
        while len(self._kept) < length and (more := self._next()):
            self._kept += more
        return self._kept[:length]

    def read(self) -> bytes:
        """Some decompressed bytes, b"" at the end. Raises Damage after the last byte that could be had."""
        out, self._kept = self._kept or self._next(), b""
        if not out and self.damage is not None:
            raise self.damage
        return out

    def _next(self) -> bytes:
        decompressor = self._decompressor
        out = b""
        while not out and self.damage is None and not decompressor.eof:
            data = self._raw.read_at(self._fed, FEED_BYTES) if decompressor.needs_input else b""
            if not data and decompressor.needs_input:
                self.damage = Damage(f"compressed data from byte {self.start} on end early", clipped=True)
                break
            self._fed += len(data)
            try:
                out = decompressor.decompress(data, OUT_BYTES)
            except ERRORS as error:
                self.damage = Damage(f"compressed data from byte {self.start} on are damaged ({_reason(error)})")
                out = self._rescue()
        self._made += len(out)
        return out

    def _rescue(self) -> bytes:
        """What a failed call had decompressed and lost: the member once more, byte by byte near the damage."""
        decompressor = self._make()
        made, at, slow_from = 0, self.start, self._fed - FEED_BYTES
        out: list[bytes] = []
        try:
            while not decompressor.eof and (at < self._fed or not decompressor.needs_input):
                step = 1 if at >= slow_from else min(FEED_BYTES, slow_from - at)
                data = self._raw.read_at(at, step) if decompressor.needs_input else b""
                at += len(data)
                piece = decompressor.decompress(data, OUT_BYTES)
                made += len(piece)
                if made > self._made:
                    out.append(piece[max(0, len(piece) - (made - self._made)) :])
        except ERRORS:
            pass  # the same damage, reached a second time
        return b"".join(out)


class Group:
    """A member that starts with a record, and the members after it that go on with that record."""

    def __init__(self, chain: Chain, first: Member) -> None:
        self.start = first.start
        self.end = first.start  # just after the last whole member, once all chunks were read
        self.damage: Damage | None = None
        self._chain = chain
        self._first: Member | None = first
        self._finished = False

    def chunks(self, offset: int = 0) -> Iterator[bytes]:
        """Decompressed bytes from `offset` on. Raises Damage where they cannot be had."""
        member = self._first or self._chain.member(self.start)
        self._first = None  # a second pass decompresses again
        while True:
            self.end = member.start
            try:
                while data := member.read():
                    if offset < len(data):
                        yield data[offset:] if offset else data
                    offset = max(0, offset - len(data))
            except Damage as damage:
                self.damage = self._chain.judge(damage, member)
                self._finished = True
                raise self.damage from None
            self.end = member.end
            following = self._chain.continuation(self.end)
            if following is None:
                self._finished = True
                return
            member = following

    def follow(self) -> None:
        """Make `end` and `damage` final, reading to the end if nobody has."""
        if not self._finished:
            try:
                for _ in self.chunks():
                    pass
            except Damage:
                pass  # kept in self.damage


class Chain:
    """The members of one compressed file. `starts` is what the data of a group begin with; None makes all one group."""

    def __init__(self, raw: RawFile, codec: str, starts: re.Pattern[bytes] | None) -> None:
        self._raw = raw
        self._codec = codec
        self._magic = MAGIC[codec]
        self._starts = starts
        self._make = decompressor_factory(raw, codec)
        self._top = first_member(raw, codec)
        self._ahead: Member | None = None  # the next group's first member, already begun by `continuation`

    def member(self, start: int) -> Member:
        """The member at `start`, whatever is there."""
        return Member(self._raw, start, self._make)

    def continuation(self, offset: int) -> Member | None:
        """The member at `offset` if it goes on with the group before it (or is empty), else None."""
        if self._only_padding(offset):
            return None
        member = self.member(offset)
        if self._starts is None:
            return member
        if self._starts.match(member.peek(PREFIX_BYTES)):
            self._ahead = member
            return None
        return None if member.damage else member

    def group_at(self, offset: int) -> Group | None:
        """The group that starts exactly at `offset`, or None when no group does."""
        member, self._ahead = self._ahead, None
        if member is None or member.start != offset:
            member = self.member(offset)
        prefix = member.peek(PREFIX_BYTES)
        return Group(self, member) if self._starts is None or self._starts.match(prefix) else None

    def judge(self, damage: Damage, member: Member) -> Damage:
        """Damaged data may decompress on and on, through the members after them: that is no clipped file."""
        if damage.clipped and self._starts is not None and self.find(member.start + 1, self._raw.size) is not None:
            return Damage(f"compressed data from byte {member.start} on are damaged (no end)")
        return damage

    def find(self, offset: int, limit: int) -> Group | None:
        """The first group that starts in [offset, limit), by trial decompression wherever the magic bytes are.

        Where a page ends in the magic bytes, the checksum behind them may read as flags of a header that reaches over
        the beginnings of true members to a place that decompresses: so no header may hold another start.
        """
        while (offset := self._raw.find(self._magic, offset, limit)) >= 0:
            group = self.group_at(offset)
            if group is not None and self.find(offset + 1, header_end(self._raw, self._codec, offset)) is None:
                return group
            offset += 1
        return None

    def walk(self, begin: int, end: int) -> Iterator[Group | Gap]:
        """The groups that start in [begin, end), and each gap that follows one of them (or stands first in the file).

        A page may itself hold a compressed archive, stored as it is; a search that begins inside it would take the
        inner members for outer ones. So the search begins some way before `begin` and follows the chain from there.
        """
        lookback = min(MAX_LOOKBACK_BYTES, (end - begin) // 8)
        group = self.find(max(0, begin - lookback), end)
        if begin == 0 and (group is None or group.start > self._top) and not self._only_padding(self._top):
            yield Gap(self._top, group.start if group else min(end, self._raw.size))
        while group is not None and group.start < end:
            mine = group.start >= begin
            if mine:
                yield group
            group.follow()
            if group.damage is not None:
                following = None if group.damage.clipped else self.find(group.end + 1, end)
                # What was lost belongs to the group: up to the next one, or to the end.
                group.end = (
                    following.start if following else self._raw.size if group.damage.clipped else max(group.end, end)
                )
            elif self._only_padding(group.end):
                return
            else:
                following = self.group_at(group.end)
                if following is None:
                    following = self.find(group.end + 1, end)
                    if mine:
                        yield Gap(group.end, following.start if following else max(group.end, end))
            group = following

    def _only_padding(self, offset: int) -> bool:
        if self._raw.read_at(offset, 16).strip(_PADDING):
            return False
        return self._raw.size - offset <= BLOCK_BYTES and not self._raw.read_at(offset, BLOCK_BYTES).strip(_PADDING)


def decompressed(raw: RawFile, codec: str) -> Callable[[int], Iterator[bytes]]:
    """All data of a file as one stream: a function from a decompressed offset to the chunks from there on."""
    if codec == PLAIN:
        return raw.chunks
    chain = Chain(raw, codec, None)
    return Group(chain, chain.member(0)).chunks


def _reason(error: Exception) -> str:
    text = str(error).strip().lower()
    return text.partition("error ")[2].lstrip("-0123456789 ") or text or type(error).__name__
