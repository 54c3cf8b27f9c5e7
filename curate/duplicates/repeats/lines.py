"""Lines that stand on many pages of one host: headers, footers, cookie bars.

Each unit writes a row for every distinct line of every page; the exchange counts the pages of a line among those of
its host; the lines that repeat are then taken out of each page as line edits. Lines of different hosts never meet.

A line is compared stripped, in lower case (of single code points), with runs of white space as one blank; digits stay.
Lines without a letter or digit carry structure, not text: they do not count, nor do lines of code, fenced or not, and
of display mathematics.

Pages are counted by address and by their five longest lines, and the smaller number holds: a page that was captured
five times is one page, and so is one that is served, with another date or counter on it, under five addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

from curate.duplicates.repeats.line_kernels import distinct, in_code, line_ids
from curate.duplicates.urls import url_keys
from curate.edits.lines.find import REPEATED, Removal
from curate.edits.lines.shape import protected
from curate.segment import Spans, Text, classes, lines, stripped

PAGE = 0  # the line of the row that stands for the page itself
ROW = np.dtype([("host", "<u8"), ("line", "<u8"), ("url", "<u4"), ("text", "<u4"), ("row", "<u4")])
SCHEMA = {"host": pl.UInt64, "line": pl.UInt64, "pages": pl.UInt32, "host_pages": pl.UInt32}

_BUFFERED = 1 << 20  # rows that a writer holds before it sorts and writes them
_HEADING = 24  # code points: a shorter line may be a heading
_MIX = np.uint64(0x9E3779B97F4A7C15)


class _Found(NamedTuple):
    """The lines of a batch: their spans, and what they are compared by (0: not compared)."""

    spans: Spans
    lengths: NDArray[np.int64]  # of the stripped lines
    ids: NDArray[np.uint64]
    counted: NDArray[np.bool_]


class LineWriter:
    """Writes the rows of one unit as sorted files `lines-00000.npy`, ... into a directory; memory: some 30 MB."""

    def __init__(self, directory: Path, max_chars: int) -> None:
        self._directory = directory
        self._max_chars = max_chars
        self._held: list[NDArray[np.void]] = []
        self._files = 0
        self.docs = 0

    def write(self, text: Text, hosts: Sequence[str | None], urls: Sequence[str | None]) -> None:
        """Count the pages of a batch, in the order of the unit. Pages without a host have no part in it."""
        found = _lines(text, self._max_chars)
        keys = host_keys(hosts)
        page, line, texts = distinct(found.ids, found.lengths, found.counted, found.spans.first)
        at_home = keys[page] != 0
        page, line = page[at_home], line[at_home]
        every = np.flatnonzero(keys)
        doc = np.concatenate([every, page])
        addresses = url_keys(urls)
        addressed = addresses.any(axis=1)
        rows = np.empty(len(doc), ROW)
        rows["host"] = keys[doc]
        rows["line"] = np.concatenate([np.full(len(every), PAGE, np.uint64), line])
        rows["text"] = texts.astype(np.uint32)[doc]
        rows["url"] = np.where(addressed, addresses[:, 1], texts).astype(np.uint32)[doc]
        rows["row"] = self.docs + doc
        self.docs += text.docs
        self._held.append(rows)
        if sum(map(len, self._held)) >= _BUFFERED:
            self._flush()

    def _flush(self) -> None:
        rows = np.concatenate([np.empty(0, ROW), *self._held])
        order = np.lexsort((rows["row"], rows["line"], rows["host"]))
        np.save(self._directory / f"lines-{self._files:05d}.npy", rows[order])
        self._files += 1
        self._held = []

    def close(self) -> None:
        """Write what is held; a unit without pages has one empty file."""
        if self._held or not self._files:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()


class Repeated:
    """The lines that repeat; made by `read`."""

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        self._keys = keys  # sorted

    @classmethod
    def read(cls, path: Path) -> Repeated:
        """Load what the exchange wrote."""
        rows = pl.read_parquet(path, columns=["host", "line"], glob=False)
        return cls(np.sort(_joint(rows["host"].to_numpy(), rows["line"].to_numpy())))

    def holds(self, hosts: NDArray[np.uint64], ids: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Whether each (host, line) repeats."""
        if not len(self._keys):
            return np.zeros(len(ids), dtype=np.bool_)
        asked = _joint(hosts, ids)
        at = np.minimum(np.searchsorted(self._keys, asked), len(self._keys) - 1)
        return np.asarray(self._keys[at] == asked)


def removals(text: Text, hosts: Sequence[str | None], repeated: Repeated, max_chars: int) -> dict[int, list[Removal]]:
    """The repeated lines of each document that has some: sorted spans of whole lines, without their line ends.

    `curate.edits.edit.edit` takes them, and the line ends and blank lines around them, out of the texts.
    """
    found = _lines(text, max_chars)
    looked = np.flatnonzero(found.counted)
    docs = np.searchsorted(found.spans.first, looked, side="right") - 1
    keys = host_keys(hosts)
    hit = (keys[docs] != 0) & repeated.holds(keys[docs], found.ids[looked])
    hit &= _in_company(text, found, looked, hit)
    out: dict[int, list[Removal]] = {}
    starts = text.first.tolist()
    for doc, line in zip(docs[hit].tolist(), looked[hit].tolist(), strict=True):
        begin, end = int(found.spans.begin[line]) - starts[doc], int(found.spans.end[line]) - starts[doc]
        out.setdefault(doc, []).append(Removal(begin, end, REPEATED))
    return out


def _in_company(text: Text, found: _Found, looked: NDArray[np.int64], hit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a line may go: short ones only beside another repeated line, or at an end of the page.

    Pages of one host share their headings ("Parameters", "See also"); those stand alone amid text of their own.
    """
    lines_hit = np.zeros(len(found.ids), np.bool_)
    lines_hit[looked[hit]] = True
    inner = stripped(text, found.spans)
    filled = np.flatnonzero(inner.end > inner.begin)
    doc = np.searchsorted(found.spans.first, filled, side="right")
    other = doc[1:] != doc[:-1]
    company = np.zeros(len(found.ids), np.bool_)
    company[filled] = np.append(True, other | lines_hit[filled[:-1]]) | np.append(other | lines_hit[filled[1:]], True)
    long = (inner.end - inner.begin) >= _HEADING
    return np.asarray((company | long)[looked])


def host_keys(hosts: Sequence[str | None]) -> NDArray[np.uint64]:
    """64-bit hash of each host, uint64[hosts]; 0 where there is none."""
    known = {host: xxhash.xxh3_64_intdigest(host.encode("utf-8", "surrogatepass")) or 1 for host in {*hosts} if host}
    return np.fromiter((known.get(host or "", 0) for host in hosts), dtype=np.uint64, count=len(hosts))


def _lines(text: Text, max_chars: int) -> _Found:
    spans = lines(text)
    inner = stripped(text, spans)
    ids, wordy = line_ids(text.codes, inner.begin, inner.end, classes().flags, classes().lower)
    lengths = inner.end - inner.begin
    code = in_code(text.codes, spans.begin, inner.begin, inner.end, spans.first, classes().flags)
    return _Found(spans, lengths, ids, wordy & (lengths <= max_chars) & ~code & ~protected(text, spans))


def _joint(hosts: NDArray[np.uint64], ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.asarray((hosts * _MIX) ^ ids)
