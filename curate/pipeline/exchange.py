"""Between the two maps: the few facts about the whole corpus that a single document cannot know.

Repeated record ids, the unigram distribution, the lengths of each language, and where `limit` cuts. All of it is
integers and sorted arrays, so that the order in which units finished can leave no trace.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from curate.duplicates.types import SignedUnit

UNIGRAM_BUCKETS = 1 << 20


def write_unigrams(path: Path, counts: np.ndarray) -> None:
    """Counts of hashed words, stored sparsely: bucket, count."""
    buckets = np.flatnonzero(counts)
    frame = pl.DataFrame({"bucket": buckets.astype(np.uint32), "count": counts[buckets].astype(np.uint64)})
    frame.write_parquet(path, compression="zstd", statistics=False)


def sum_unigrams(paths: list[Path]) -> np.ndarray:
    """uint64[UNIGRAM_BUCKETS]: the distribution of words of the whole run."""
    totals = np.zeros(UNIGRAM_BUCKETS, np.uint64)
    for path in paths:
        frame = pl.read_parquet(path, glob=False)
        # Buckets of one unit are distinct, so fancy indexing adds each once.
        totals[frame["bucket"].to_numpy()] += frame["count"].to_numpy()
    return totals


def take_per_unit(rows: list[int], limit: int | None) -> list[int]:
    """How many records of each unit lie within the first `limit` of the run, in plan order."""
    left = sum(rows) if limit is None else limit
    takes = []
    for count in rows:
        takes.append(min(count, left))
        left -= takes[-1]
    return takes


def repeated_ids(paths: list[Path], takes: list[int]) -> list[pl.DataFrame]:
    """Per unit: `position`, `partner_file`, `partner_row` of the records whose id an earlier record of the run has.

    Eight bytes a record are held at a time: the full ids are compared only where their first 64 bits meet again.
    """
    keys = [
        pl.read_parquet(path, columns=["id"], glob=False).head(take).select(_key()).to_series().to_numpy()
        for path, take in zip(paths, takes, strict=True)
    ]
    every = np.sort(np.concatenate([np.empty(0, np.uint64), *keys]))
    suspects = pl.Series("key", np.unique(every[1:][every[1:] == every[:-1]]))
    frames = [
        pl.read_parquet(path, columns=["id", "file", "row"], glob=False)
        .head(take)
        .with_row_index("position")
        .with_columns(unit=pl.lit(unit, pl.UInt32))
        .filter(_key().is_in(suspects.implode()))
        for unit, (path, take) in enumerate(zip(paths, takes, strict=True))
    ]
    if not frames:
        return []
    copies = pl.concat(frames).filter(pl.col("id").is_duplicated()).sort("unit", "position")
    first = copies.unique("id", keep="first", maintain_order=True)
    origin = first.select("id", partner_file="file", partner_row="row")
    later = copies.join(first, on=["unit", "position"], how="anti", maintain_order="left")
    joined = later.join(origin, on="id", how="left", maintain_order="left")
    return [
        joined.filter(pl.col("unit") == unit).select("position", "partner_file", "partner_row")
        for unit in range(len(frames))
    ]


def extracted_units(units: list[Path], takes: list[int]) -> list[SignedUnit]:
    """The texts of units as the exchanges take them: none beyond the limit, none of a record that came before."""
    found = []
    for directory, take, repeated in zip(
        units, takes, repeated_ids([unit / "records.parquet" for unit in units], takes), strict=True
    ):
        # A record has a language exactly when it has a text, and a language is read faster.
        has_text = pl.read_parquet(directory / "records.parquet", columns=["language.lang"], glob=False)
        positions = np.flatnonzero(has_text.to_series().is_not_null().to_numpy())
        out = (positions >= take) | np.isin(positions, repeated["position"].to_numpy())
        found.append(SignedUnit(directory, len(positions), np.flatnonzero(out).astype(np.uint32)))
    return found


def _key() -> pl.Expr:
    return pl.col("id").str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64)


def lengths_by_language(paths: list[Path], takes_measured: list[int]) -> dict[str, np.ndarray]:
    """Sorted word counts of the documents of each language: a document's class for `corpus.length_rank`."""
    frames = [
        pl.read_parquet(path, columns=["language.lang", "text.words"], glob=False).head(take)
        for path, take in zip(paths, takes_measured, strict=True)
    ]
    if not frames:
        return {}
    groups = pl.concat(frames).group_by("language.lang").agg(pl.col("text.words").sort()).sort("language.lang")
    return {lang: np.asarray(words, np.int64) for lang, words in groups.iter_rows()}
