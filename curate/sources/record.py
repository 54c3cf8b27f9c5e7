"""What a source hands to the rest of the house: one `Record` per page, and the `UnitSpec` that says where pages lie."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import xxhash


@dataclass(slots=True)
class Record:
    """One input record in exactly one of three states: readable (`body`), dropped (`drop`), failed (`error`)."""

    id: str  # 32 hex digits
    url: str | None
    host: str | None  # lower case, A-labels for international names, no port
    date: str | None  # ISO 8601 as in the source
    file: str  # relative to the input root, POSIX
    row: (
        int  # byte offset in the file (of the decompressed stream, where members are not records); row number in tables
    )
    kind: str  # "html" (extraction needed) or "text" (already text)
    mime: str | None
    charset: str | None  # canonical WHATWG name
    truncated: str | None  # the reason given by WARC-Truncated, or "length", or "cap"
    body: str | None = None
    drop: tuple[str, str] | None = None  # (rule, value), e.g. ("read.status", "301")
    error: str | None = None

    def __post_init__(self) -> None:
        assert (self.body is not None) + (self.drop is not None) + (self.error is not None) == 1, self.id


@dataclass(slots=True)
class UnitSpec:
    """One unit of work: what a worker reads without help from others. JSON-able by `to_json`, back by `from_json`."""

    index: int  # position in the plan
    source: str  # warc | arc | wet | jsonl | parquet | arrow | html, or the name of a virtual input
    path: str  # where to open it: a local path or an fsspec URL
    file: str  # the name rows carry: relative to the input root, POSIX
    begin: int  # bytes, row groups, record batches or files, by source
    end: int  # half open
    size: int = 0  # bytes of the whole input file (of the group, for folders)
    digest: str = ""  # xxh3_128 of the bytes of the whole input file
    codec: str = "plain"  # plain | gzip | zstd | lz4
    files: list[str] = field(default_factory=list)  # folders only: the files of the group, relative to the input root

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> UnitSpec:
        """The inverse of `to_json`."""
        return cls(**data)

    def fingerprint(self) -> dict[str, Any]:
        """What decides the unit's pages: not its number, and not where the input root happens to be mounted."""
        data = asdict(self)
        del data["index"], data["path"]
        return data


@dataclass(slots=True)
class UnitCounts:
    """What one unit read: rows, records that are no rows (by WARC type), and bytes of input consumed."""

    records: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    bytes_in: int = 0


def record_id(*parts: str) -> str:
    """32 hex digits, xxh3_128 of the parts; the separator keeps ("ab", "c") apart from ("a", "bc")."""
    return xxhash.xxh3_128_hexdigest("\x1f".join(parts).encode("utf-8", "surrogatepass"))
