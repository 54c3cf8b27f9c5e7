"""`curate index verify`: files by their checksums, nothing left of what was deleted, one survivor a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from curate.ask.verify import Check
from curate.duplicates.index.kinds import kinds
from curate.duplicates.index.schemas import DUPLICATE, SURVIVOR, hex_keys
from curate.duplicates.index.segment import scan
from curate.duplicates.index.state import DOCUMENTS, PAIRS, SEGMENTS, STAGING, Index
from curate.duplicates.index.tombstones import deleted
from curate.duplicates.store import read_keys
from curate.duplicates.types import SET, TEXT, URL
from workbench.errors import UserError

BESIDE = "nothing lies beside the index"
_SPACES = (("text", TEXT), ("url_key", URL), ("set", SET))


def verify(index: Index) -> list[Check]:
    """All checks; a failed one names the file or the documents.

    Raises UserError (exit 5) where a process that writes the index has begun something, which is no fault.
    """
    wrong = list(index.differences())
    total = sum(len(segment.files) for segment in index.state.segments)
    checks = [
        Check("files are what index.json says", not wrong, "; ".join(wrong[:5]) or f"{total} files"),
        _beside(index),
    ]
    if wrong:
        return checks
    try:
        return [*checks, *_tables(index)]
    except (UserError, pl.exceptions.PolarsError, OSError, ValueError) as error:
        return [*checks, Check("tables can be read", False, str(error).splitlines()[0])]


def _beside(index: Index) -> Check:
    """Files of killed writers may hold what was deleted since."""
    named = {segment.name for segment in index.state.segments}
    segments = index.path / SEGMENTS
    there = sorted(path.name for path in segments.iterdir()) if segments.is_dir() else []
    left = [f"{SEGMENTS}/{name}" for name in there if name not in named]
    if (index.path / STAGING).exists():
        left.append(STAGING)
    if left:
        index.require_idle()
    found = f"{', '.join(left[:5])}: left by a writer that was stopped; the next one removes it" if left else "nothing"
    return Check(BESIDE, not left, found)


def _tables(index: Index) -> Iterator[Check]:
    gone = deleted(index)
    barred: list[str] = []
    strays: dict[str, int] = {}
    documents = 0
    for segment in index.state.segments:
        where = index.directory(segment)
        table = pl.read_parquet(where / DOCUMENTS, glob=False)
        documents += table.height
        mask = gone.mask(table["id"], table["url_key"], table["host"], table["url"])
        barred += table.filter(pl.Series(mask))["id"].to_list()
        for name, count in _strays(index, where, table, segment.rows):
            strays[name] = strays.get(name, 0) + count
    shown = ", ".join(barred[:3])
    yield Check("no deleted document is in a table", not barred, f"{len(barred)} are: {shown}" if barred else "none")
    for name, count in strays.items():
        holds = "every entry belongs to a document"
        yield Check(f"{name}: {holds}", count == 0, f"{count} entries of others" if count else f"{documents} documents")
    if index.state.segments:
        yield from _clusters(index)


def _strays(index: Index, where: Path, table: pl.DataFrame, rows: int) -> Iterator[tuple[str, int]]:
    """By kind: entries in the segment that no document of the table has, and documents whose key is not there."""
    own = table["row"].to_numpy().astype(np.int64)
    for kind in kinds(index.settings):
        yield kind.name, int((~np.isin(kind.rows(where), own)).sum())
    wrong = 0
    for name, space in _SPACES:
        keys = read_keys(where, space)
        by_row = np.zeros((rows, 2), np.uint64)
        by_row[keys.row, 0], by_row[keys.row, 1] = keys.key, keys.low
        wrong += int((hex_keys(by_row[own]).ne_missing(table[name])).sum())
    yield "keys", wrong
    if (where / PAIRS).exists():
        pairs = pl.read_parquet(where / PAIRS, glob=False)
        sets = scan(index.tables(DOCUMENTS)).select("set").drop_nulls().collect()["set"].implode()
        yield "pairs", pairs.filter(~pl.col("left").is_in(sets) | ~pl.col("right").is_in(sets)).height


def _clusters(index: Index) -> Iterator[Check]:
    columns = ["id", "state", "kept_id", "text", "url_key"]
    table = scan(index.tables(DOCUMENTS)).select(columns).collect(engine="streaming")
    again = table.height - table["id"].n_unique()
    yield Check("each id is there once", again == 0, f"{again} ids twice" if again else f"{table.height} ids")
    kept = table.filter(pl.col("state") == SURVIVOR)
    removed = table.filter(pl.col("state") == DUPLICATE)
    orphans = removed.join(kept, left_on="kept_id", right_on="id", how="anti").height
    odd = table.height - kept.height - removed.height + kept["kept_id"].count() + orphans
    found = f"{odd} documents without" if odd else f"{kept.height} stay, {removed.height} were removed for one of them"
    yield Check("every cluster has one survivor", odd == 0, found)
    for name, compared, word in (
        ("text", index.settings.text, "a text"),
        ("url_key", index.settings.url, "an address"),
    ):
        if compared:
            keys = kept[name].drop_nulls()
            twice = keys.len() - keys.n_unique()
            found = f"{twice} do" if twice else f"{keys.len()} differ"
            yield Check(f"no two survivors share {word}", twice == 0, found)
    total = sum(segment.documents for segment in index.state.segments)
    stay = sum(segment.survivors for segment in index.state.segments)
    same = (total, stay) == (table.height, kept.height)
    yield Check("counts are what index.json says", same, f"{table.height} documents, {kept.height} survivors")
