"""The files of a segment: written once, and written anew without the rows that are deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.duplicates import store
from curate.duplicates.index.schemas import SURVIVOR
from curate.duplicates.index.state import DOCUMENTS, LINES, PAIRS, Segment
from curate.duplicates.store import UnitWriter, read_keys, read_summary
from curate.duplicates.types import BAND, SET, TEXT, URL, Signed
from workbench.files import sha256, whole_directory
from workbench.manifest import File
from workbench.tables import write_table

Rows = NDArray[np.int64]
UNIT = (store.KEYS, store.SETS, store.FIRST, store.SUMMARY)
BATCH = 8192  # documents whose sets are in memory together


def publish(
    directory: Path, source: Path, documents: pl.DataFrame, pairs: pl.DataFrame, *, batch: int, run: int
) -> Segment:
    """Make the finished segment `directory` of the unit in `source`, whose files are moved."""
    with whole_directory(directory) as temporary:
        for path in [*(source / name for name in UNIT), *sorted(source.glob(LINES))]:
            path.rename(temporary / path.name)
        write_table(temporary / DOCUMENTS, documents)
        if pairs.height:
            write_table(temporary / PAIRS, pairs)
    return describe(directory, documents, batch=batch, run=run, rows=read_summary(directory).docs)


def describe(directory: Path, documents: pl.DataFrame, *, batch: int, run: int, rows: int) -> Segment:
    """The entry of a segment in `index.json`, with the checksums of its files."""
    files = [
        File(path=path.name, rows=None, bytes=path.stat().st_size, sha256=sha256(path))
        for path in sorted(directory.iterdir())
    ]
    survivors = int((documents["state"] == SURVIVOR).sum())
    return Segment(
        name=directory.name,
        batch=batch,
        run=run,
        rows=rows,
        documents=documents.height,
        survivors=survivors,
        files=files,
    )


def rewrite(
    old: Path, segment: Segment, new: Path, documents: pl.DataFrame, gone: Rows, dead_sets: pl.Series
) -> Segment:
    """The segment `old` again as `new`, with these documents, and without a trace of the rows `gone` in any file.

    Pairs of a set in `dead_sets`, which no document has any more, go too. Files in which nothing changes are linked.
    """
    with whole_directory(new) as temporary:
        names = [file.path for file in segment.files]
        if len(gone):
            strip_unit(old, temporary, gone)
        for name in names:
            if fnmatch(name, LINES) and len(gone):
                lines = np.load(old / name)
                np.save(temporary / name, lines[~np.isin(lines["row"], gone)])
            elif name == PAIRS and len(dead_sets):
                pairs = pl.read_parquet(old / PAIRS)
                left = pairs.filter(~pairs["left"].is_in(dead_sets) & ~pairs["right"].is_in(dead_sets))
                if left.height:
                    write_table(temporary / PAIRS, left)
            elif name != DOCUMENTS and not (temporary / name).exists():
                _link(old / name, temporary / name)
        write_table(temporary / DOCUMENTS, documents)
    return describe(new, documents, batch=segment.batch, run=segment.run, rows=segment.rows)


def _link(old: Path, new: Path) -> None:
    try:
        new.hardlink_to(old)
    except OSError:  # a file system without links
        shutil.copyfile(old, new)


def strip_unit(old: Path, new: Path, gone: Rows) -> None:
    """A signed unit again, in which the rows `gone` have no key and no set; the others keep their numbers."""
    summary = read_summary(old)
    with UnitWriter(new, summary.bands) as writer:
        for signed in signed_batches(old, gone):
            writer.write(signed)


def signed_batches(unit: Path, gone: Rows, size: int = BATCH) -> Iterator[Signed]:
    """The documents of a unit as they were signed, `size` at a time; those in `gone` (sorted rows) as empty ones."""
    summary = read_summary(unit)
    keep = np.ones(summary.docs, np.bool_)
    keep[gone] = False
    exact = [_by_row(unit, space, summary.docs, keep) for space in (TEXT, URL, SET)]
    bands = np.zeros((summary.docs, summary.bands), np.uint64)
    for band in range(summary.bands):
        keys = read_keys(unit, BAND + band)
        bands[keys.row, band] = keys.key
    bands[~keep] = 0
    oversized = np.zeros(summary.docs, np.bool_)
    oversized[summary.oversized] = True
    oversized &= keep
    first = np.load(unit / store.FIRST)
    with (unit / store.SETS).open("rb") as sets:
        for begin, end in pairwise([*range(0, summary.docs, size), summary.docs]):
            shingles = np.fromfile(sets, "<u4", int(first[end] - first[begin]))
            sizes = np.diff(first[begin : end + 1])
            shingles = shingles[np.repeat(keep[begin:end], sizes)].astype(np.uint32, copy=False)
            own_first = np.concatenate([[0], np.cumsum(np.where(keep[begin:end], sizes, 0))]).astype(np.int64)
            here = slice(begin, end)
            text, url, set_ = (keys[here] for keys in exact)
            yield Signed(text, url, set_, bands[here], shingles, own_first, oversized[here])


def _by_row(unit: Path, space: int, docs: int, keep: NDArray[np.bool_]) -> NDArray[np.uint64]:
    keys = read_keys(unit, space)
    out = np.zeros((docs, 2), np.uint64)
    out[keys.row, 0], out[keys.row, 1] = keys.key, keys.low
    out[~keep] = 0
    return out


def scan(paths: Sequence[Path]) -> pl.LazyFrame:
    """One table of all segments, with the number of the file in `segment`."""
    parts = [
        pl.scan_parquet(path, glob=False).with_columns(segment=pl.lit(number, pl.Int64))
        for number, path in enumerate(paths)
    ]
    return pl.concat(parts, how="diagonal")
