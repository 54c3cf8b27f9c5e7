"""Who is like whom: a search over the segments and new documents, told in ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from curate.duplicates.exchange import find
from curate.duplicates.index.schemas import SURVIVOR
from curate.duplicates.index.state import DOCUMENTS, Index
from curate.duplicates.types import SignedUnit
from workbench.events import Listener


class Neighbours(NamedTuple):
    """New documents that share something (`doc` is their number among the new), the survivors of the index that
    share something with them (`rank` is their number there), and the verified pairs."""

    members: pl.DataFrame  # doc, text, url_key, set
    survivors: pl.DataFrame  # id, text, url_key, set, rank
    pairs: pl.DataFrame


def neighbours(
    index: Index | None,
    units: Sequence[SignedUnit],
    *,
    near: tuple[int, float, float | None],
    directory: Path,
    memory_bytes: int,
    jobs: int,
    on_event: Listener,
) -> Neighbours:
    """Compares the documents of `units` with each other and with those of the index. near: bands (0: none),
    threshold, containment."""
    earlier = [] if index is None else index.units()
    since = sum(unit.docs for unit in earlier)
    found = find(
        [*earlier, *units],
        *near,
        directory=directory,
        memory_bytes=memory_bytes,
        jobs=jobs,
        on_event=on_event,
        since=since,
    )
    shared = pl.read_parquet(found.members, glob=False).rename({"url": "url_key"})
    members = shared.filter(pl.col("doc") >= since).with_columns(pl.col("doc") - since)
    survivors = pl.DataFrame(schema={"id": pl.String, **_KEYS, "rank": pl.Int64})
    if index is not None:
        first = np.cumsum([0, *(unit.docs for unit in earlier)]).tolist()
        parts = [
            shared.filter(pl.col("doc").is_between(begin, end, closed="left"))
            .select(pl.col("doc").sub(begin).cast(pl.UInt32).alias("row"), *_KEYS, rank="doc")
            .join(_survivors(path), on="row")
            .select(survivors.columns)
            for path, begin, end in zip(index.tables(DOCUMENTS), first, first[1:], strict=False)
        ]
        survivors = pl.concat([survivors, *parts])
    return Neighbours(members, survivors, pl.read_parquet(found.pairs, glob=False))


_KEYS = {"text": pl.String, "url_key": pl.String, "set": pl.String}


def _survivors(path: Path) -> pl.DataFrame:
    table = pl.scan_parquet(path, glob=False).filter(pl.col("state") == SURVIVOR)
    return table.select("row", "id").collect()
