"""The kinds of likeness an index knows, all asked the same way: same text, same address, near, lines of one host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates.banding import band_keys, banding
from curate.duplicates.config import Duplicates
from curate.duplicates.index.segment import Rows
from curate.duplicates.index.state import LINES, PAIRS
from curate.duplicates.minhash import permutations, signatures
from curate.duplicates.repeats.lines import PAGE, host_keys
from curate.duplicates.store import FIRST, read_keys, read_set
from curate.duplicates.types import BAND, SET, TEXT, URL

CANDIDATES = 2000  # documents of a segment whose sets are compared with one that is asked about
HITS: dict[str, Any] = {
    "row": pl.Int64,  # in the segment
    "jaccard": pl.Float64,
    "containment": pl.Float64,
    "lines": pl.Int64,  # lines in common
}


class Query(NamedTuple):
    """One document as an index looks for it: keys of 32 hex digits, its shingle set, and its lines."""

    text: str | None
    url_key: str | None
    set: str | None
    shingles: NDArray[np.uint32]
    host: str | None
    lines: NDArray[np.uint64]


class Kind(Protocol):
    """One kind of likeness, in one segment at a time."""

    name: str

    def rows(self, segment: Path) -> Rows:
        """The rows that have an entry of this kind, ascending; what is deleted must not be among them."""
        ...

    def find(self, segment: Path, query: Query) -> pl.DataFrame:
        """The rows that are like the document in this way, by row: HITS."""
        ...


class Exact:
    """Documents of one key: the normalised text, or the normalised address."""

    def __init__(self, name: str, space: int) -> None:
        self.name = name
        self._space = space

    def rows(self, segment: Path) -> Rows:
        """See Kind."""
        return np.unique(read_keys(segment, self._space).row).astype(np.int64)

    def find(self, segment: Path, query: Query) -> pl.DataFrame:
        """See Kind."""
        digits = query.text if self._space == TEXT else query.url_key
        return _same([] if digits is None else _holders(segment, self._space, digits))


class Near:
    """Documents whose shingle sets are similar: those that meet in a band, and those of pairs verified before."""

    name = "near"

    def __init__(self, settings: Duplicates) -> None:
        near = settings.near
        self._threshold, self._containment = near.threshold, near.containment
        self._bands, self._rows, length = banding(near)
        self._permutations = permutations(length, near.seed)

    def rows(self, segment: Path) -> Rows:
        """See Kind."""
        spaces = [read_keys(segment, SET + number).row for number in range(1 + self._bands)]
        sized = np.flatnonzero(np.diff(np.load(segment / FIRST)))
        return np.unique(np.concatenate([*spaces, sized])).astype(np.int64)

    def find(self, segment: Path, query: Query) -> pl.DataFrame:
        """See Kind."""
        if query.set is None:
            return pl.DataFrame(schema=HITS)
        rows: set[int] = set(_holders(segment, SET, query.set))
        same = set(rows)
        a, b = (part[: self._bands * self._rows] for part in self._permutations)
        first = np.array([0, len(query.shingles)], np.int64)
        keys = band_keys(signatures(query.shingles, first, a, b), self._bands, self._rows)
        for band, key in enumerate(keys[0].tolist()):
            rows.update(read_keys(segment, BAND + band, key, key + 1).row.tolist())
        if (segment / PAIRS).exists():
            pairs = pl.scan_parquet(segment / PAIRS, glob=False)
            either = pairs.filter((pl.col("left") == query.set) | (pl.col("right") == query.set)).collect()
            for digits in {*either["left"], *either["right"]}:
                rows.update(_holders(segment, SET, digits))
        found = []
        for row in sorted(rows)[:CANDIDATES]:
            if row in same:
                found.append((row, 1.0, 1.0, None))
                continue
            other = read_set(segment, row)
            shared = len(np.intersect1d(query.shingles, other, assume_unique=True))
            jaccard = shared / (len(query.shingles) + len(other) - shared)
            contained = shared / min(len(query.shingles), len(other))
            if jaccard >= self._threshold or contained >= (self._containment or 2.0):
                found.append((row, jaccard, contained, None))
        return pl.DataFrame(found, HITS, orient="row")


class Lines:
    """Pages of one host that have lines in common."""

    name = "lines"

    def rows(self, segment: Path) -> Rows:
        """See Kind."""
        parts = [np.load(path)["row"] for path in sorted(segment.glob(LINES))]
        return np.unique(np.concatenate([np.empty(0, np.uint32), *parts])).astype(np.int64)

    def find(self, segment: Path, query: Query) -> pl.DataFrame:
        """See Kind."""
        host = host_keys([query.host])[0]
        found = [np.empty(0, np.uint32)]
        if host:
            for path in sorted(segment.glob(LINES)):
                table = np.load(path, mmap_mode="r")  # sorted by host and line
                begin, end = np.searchsorted(table["host"], [host, host + np.uint64(1)])
                part = table[begin:end]
                found.append(part["row"][np.isin(part["line"], query.lines) & (part["line"] != PAGE)])
        rows, counts = np.unique(np.concatenate(found), return_counts=True)
        table = {"row": rows.astype(np.int64), "jaccard": None, "containment": None, "lines": counts.astype(np.int64)}
        return pl.DataFrame(table, HITS)


def lines_of(segment: Path, row: int) -> NDArray[np.uint64]:
    """The lines of one document, as they are compared."""
    parts = [table["line"][table["row"] == row] for table in map(np.load, sorted(segment.glob(LINES)))]
    lines = np.unique(np.concatenate([np.empty(0, np.uint64), *parts]))
    return lines[lines != PAGE]


def kinds(settings: Duplicates) -> list[Kind]:
    """The kinds an index has entries of. Texts and addresses it always knows, whether they make duplicates or not."""
    found: list[Kind] = [Exact("text", TEXT), Exact("url", URL)]
    if settings.near.enabled:
        found.append(Near(settings))
    if settings.lines.enabled:
        found.append(Lines())
    return found


def _holders(segment: Path, space: int, digits: str) -> list[int]:
    """Rows with this key of 128 bits, ascending."""
    key, low = int(digits[:16], 16), int(digits[16:], 16)
    keys = read_keys(segment, space, key, key + 1)
    return sorted(keys.row[keys.low == np.uint64(low)].tolist())


def _same(rows: Sequence[int]) -> pl.DataFrame:
    return pl.DataFrame([(row, 1.0, 1.0, None) for row in rows], HITS, orient="row")
