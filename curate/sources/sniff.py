"""What kind of input a file is: by its first bytes, and by its name only where they say nothing."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import NamedTuple

from curate.sources.compression import GZIP, LZ4, PLAIN, ZSTD, codec_of
from curate.sources.files import RawFile
from curate.sources.framing import ArcGrammar, WarcGrammar
from curate.sources.members import Chain
from curate.sources.mime import is_html

_HEAD_BYTES = 8192
_COMPRESSED = {".gz": GZIP, ".zst": ZSTD, ".lz4": LZ4}
_EXTENSIONS = {
    ".warc": "warc", ".wet": "warc", ".wat": "warc", ".arc": "arc", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".arrow": "arrow", ".html": "html", ".htm": "html", ".xhtml": "html", ".xht": "html",
}  # fmt: skip


class Kind(NamedTuple):
    """The source that reads a file, and the file's compression."""

    source: str
    codec: str


def sniff(raw: RawFile, name: str) -> Kind | None:
    """The kind of a file, or None when it is nothing that can be read."""
    head = raw.read_at(0, _HEAD_BYTES)
    codec = codec_of(head)
    if codec != PLAIN:
        head = Chain(raw, codec, None).member(0).peek(_HEAD_BYTES)[:_HEAD_BYTES]
    source = _by_content(head, codec)
    if source is not None:
        return Kind(source, codec)
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    while suffixes and suffixes[-1] in _COMPRESSED:
        codec = _COMPRESSED[suffixes.pop()]
    return Kind(_EXTENSIONS[suffixes[-1]], codec) if suffixes and suffixes[-1] in _EXTENSIONS else None


def _by_content(head: bytes, codec: str) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if WarcGrammar.starts.match(text):
        return "warc"
    if ArcGrammar.starts.match(text):
        return "arc"
    if codec == PLAIN and head.startswith(b"PAR1"):
        return "parquet"
    # An Arrow stream begins with a continuation mark and the length of the schema message.
    if codec == PLAIN and (
        head.startswith(b"ARROW1\0\0") or (head[:4] == b"\xff" * 4 and head[4] > 0 and head[7] == 0)
    ):
        return "arrow"
    if text.startswith(b"{") and _json_line(text):
        return "jsonl"
    return "html" if is_html(text) else None


def _json_line(text: bytes) -> bool:
    """Whether the first line is an object by itself; a line longer than what was read may be one."""
    line, end, _ = text.partition(b"\n")
    if not end and len(text) > _HEAD_BYTES // 2:
        return True
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
