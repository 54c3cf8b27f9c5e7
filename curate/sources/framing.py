"""Records of WARC and ARC files in a decompressed stream: heads, blocks, and what to do when a length is wrong.

A `Content-Length` is believed only if a record, the end, or the format's separator follows the block it describes.
Otherwise the block ends where the next record starts, so that a wrong length costs no other record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from curate.sources.window import Window

MAX_HEAD_BYTES = 64 << 10
_LINE_BYTES = 4096


class Head(NamedTuple):
    """A record's own header: lower-case names to values, and the length it claims for its block (None: no number)."""

    fields: dict[str, str]
    length: int | None


class Grammar(Protocol):
    """How the records of a format look. `starts` matches the first line; `head` reads one, None if it is none.

    `candidates` finds where a first line may be after damage: its first group is empty and stands there. (A search for
    a pattern that begins with fixed bytes is fifty times as fast as one for a look-ahead.)
    `separator` is what follows every block, where it is long enough to tell that the block ends there.
    """

    starts: re.Pattern[bytes]
    candidates: re.Pattern[bytes]
    separator: bytes | None

    def head(self, window: Window) -> Head | None: ...


@dataclass(slots=True)
class Frame:
    """One record as it lies in the stream, or (`error`) a region in which none could be read."""

    offset: int
    fields: dict[str, str]
    block: bytes
    cut: bool = False  # the block is not as long as its header says
    clipped: bool = False  # cut by the end of the file: what came after is lost as well
    capped: bool = False  # the block is longer than what was kept of it
    error: str | None = None


_BLANK_LINE = re.compile(rb"\n\r?\n")
_WARC_VERSION = re.compile(rb"WARC/[01]\.\d{1,2}[ \t]*\r?\n")
# A head that was cut short runs on into the head of the next record.
_TWO_HEADS = re.compile(
    rb"\n[^:\r\n]*WARC/[01]\.\d{1,2}[ \t]*\r?\n|\nWARC-Type:.*\nWARC-Type:", re.IGNORECASE | re.DOTALL
)
# URL, IP, date, MIME type, (version 2: five more fields), length. The URL may hold blanks, so the middle decides.
_ARC_LINE = re.compile(
    rb"([a-zA-Z][a-zA-Z0-9+.-]*:[^\r\n]*?) ([0-9a-fA-F.:]{2,45}) (\d{8,20}) ([^\r\n]*?)(?:(?<= )| )([^ \r\n]+)\r?\n"
)


class WarcGrammar:
    """WARC 0.x to 1.1 (https://iipc.github.io/warc-specifications/)."""

    starts = _WARC_VERSION
    candidates = re.compile(rb"()" + _WARC_VERSION.pattern)
    separator: bytes | None = b"\r\n\r\n"

    def head(self, window: Window) -> Head | None:
        """Reads header lines up to the blank line; lenient about line ends, case and folded lines."""
        if not self.starts.match(window.peek(16)):
            return None
        blank = window.find(_BLANK_LINE, MAX_HEAD_BYTES)
        if blank is None:
            return None
        text = window.buffer[window.at : blank.start() + 1]
        if text.count(b"WARC/") > 1 and _TWO_HEADS.search(text):
            return None
        fields = header_fields(text.decode("utf-8", "replace").split("\n")[1:])
        if "warc-type" not in fields and "warc-record-id" not in fields:
            return None
        window.at = blank.end()
        return Head(fields, _length(fields.get("content-length")))


class ArcGrammar:
    """ARC 1 and 2 (https://archive.org/web/researcher/ArcFileFormat.php); fields get the names of their WARC equals."""

    starts = _ARC_LINE
    candidates = re.compile(rb"\n()" + _ARC_LINE.pattern)
    separator: bytes | None = None

    def head(self, window: Window) -> Head | None:
        """Reads the one line of a record."""
        line = self.starts.match(window.peek(_LINE_BYTES))
        if line is None:
            return None
        window.at += line.end()
        url, ip, date, rest, length = (group.decode("utf-8", "replace") for group in line.groups())
        fields = {
            "warc-type": "filedesc" if url.startswith("filedesc:") else "response",
            "warc-target-uri": url,
            "warc-ip-address": ip,
            "warc-date": _iso_date(date),
            "content-type": rest.strip().split(" ")[0],
        }
        return Head(fields, _length(length))


def header_fields(lines: list[str]) -> dict[str, str]:
    """`Name: value` lines as a dict of lower-case names; the first of several wins, folded lines are joined."""
    fields: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1] in (" ", "\t") and name:
            fields[name] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        if colon:
            name = key.strip().lower()
            if name in fields:
                name = ""
            else:
                fields[name] = value.strip()
    return fields


def frames(window: Window, grammar: Grammar, cap: int) -> Iterator[Frame]:
    """Every record of the stream, with at most `cap` bytes of its block; a failed one for each damaged region."""
    while True:
        if not window.skip_blank():
            if window.damage is not None:
                yield Frame(window.tell(), {}, b"", error=str(window.damage))
            return
        offset = window.tell()
        head = grammar.head(window)
        if head is None:
            window.skip(1)
            skip_to_record(window, grammar)
            error = str(window.damage) if window.damage else no_record(offset)
            yield Frame(offset, {}, b"", error=error)
        else:
            yield _frame(window, grammar, cap, offset, head)
        if window.damage is not None:
            return


def no_record(offset: int) -> str:
    """The error of a region without records. How far it goes is not said: a unit need not know."""
    return f"no record can be read from byte {offset} on"


def _frame(window: Window, grammar: Grammar, cap: int, offset: int, head: Head) -> Frame:
    block_at = window.tell()
    if head.length is not None:
        block = window.read(min(head.length, cap))
        whole = len(block) + window.skip(head.length - len(block)) == head.length
        separated = grammar.separator is not None and window.peek(4) == grammar.separator
        last = not window.skip_blank()
        if window.damage is not None:
            return _damaged(window, offset, head, block)
        # With the separator in place, what follows is a damaged record rather than the rest of this one.
        if whole and (last or separated or grammar.starts.match(window.peek(_LINE_BYTES))):
            return Frame(offset, head.fields, block, capped=head.length > cap)
        window.seek(block_at)
    if not _at_record(window, grammar):
        skip_to_record(window, grammar)
    end = window.tell()
    if window.damage is not None:
        window.seek(block_at)
        return _damaged(window, offset, head, window.read(min(end - block_at, cap)))
    clipped = not window.peek(1) and head.length is not None and head.length > end - block_at
    window.seek(block_at)
    block = window.read(min(end - block_at, cap))
    window.seek(end)
    if end - block_at <= cap:
        block = block.removesuffix(b"\r\n\r\n").removesuffix(b"\n")
    return Frame(offset, head.fields, block, cut=True, clipped=clipped, capped=end - block_at > cap)


def _damaged(window: Window, offset: int, head: Head, block: bytes) -> Frame:
    """A record at the end of a clipped file is kept as far as it goes; data with a wrong checksum are not."""
    damage = window.damage
    assert damage is not None
    if damage.clipped and block:
        return Frame(offset, head.fields, block, cut=True, clipped=True)
    return Frame(offset, head.fields, b"", error=str(damage))


def skip_to_record(window: Window, grammar: Grammar, limit: int | None = None) -> None:
    """Go on to the next place where a record starts that can be parsed, to the end, or somewhere past `limit`."""
    while limit is None or window.tell() < limit:
        found = grammar.candidates.search(window.buffer, window.at)
        if found is None:
            # Keep one line's worth: a start may lie across two chunks.
            window.at = max(window.at, len(window.buffer) - _LINE_BYTES)
            if not window.more():
                window.at = len(window.buffer)
                return
            continue
        window.at = found.start(1)
        if _at_record(window, grammar):
            return
        window.skip(1)


def _at_record(window: Window, grammar: Grammar) -> bool:
    place = window.tell()
    found = grammar.head(window) is not None
    window.seek(place)
    return found


def _length(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 16 else None


def _iso_date(digits: str) -> str:
    """ARC's YYYYMMDDhhmmss as ISO 8601."""
    digits = digits[:14].ljust(8, "0")
    day = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
    clock = digits[8:]
    return f"{day}T{clock[:2]}:{clock[2:4]}:{clock[4:6]}Z" if len(clock) == 6 else day
