"""What an index says of the documents of a run that names it: which must not come back, which are there already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.duplicates.banding import banding
from curate.duplicates.index.neighbours import neighbours
from curate.duplicates.index.schemas import hex_keys
from curate.duplicates.index.settle import partners
from curate.duplicates.index.state import Index
from curate.duplicates.index.tombstones import Deleted, deleted
from curate.duplicates.store import read_summary
from curate.duplicates.types import SignedUnit
from curate.duplicates.urls import url_keys
from workbench.events import Listener

MATCHES = {
    "doc": pl.Int64,  # number of the document through the units
    "rule": pl.String,  # duplicates.deleted | duplicates.text | duplicates.near | duplicates.url
    "partner": pl.String,  # id in the index; null for a deleted one
    "jaccard": pl.Float64,
    "containment": pl.Float64,
}
_CHUNK = 100_000


def matches(
    index: Path,
    units: Sequence[SignedUnit],
    ids: pl.Series,
    urls: pl.Series,
    hosts: pl.Series,
    *,
    directory: Path,
    memory_bytes: int,
    jobs: int,
    on_event: Listener = lambda event: None,
) -> pl.DataFrame:
    """The rows of MATCHES for the documents of `units` that the index does not let in, in order of `doc`.

    ids, urls, hosts: of every document, in the order of the units. The units were signed by the index's settings (see
    `settings.require_same`). A document that is in the index itself, by its id, is no match of its own: it may come
    again. `directory` takes scratch that a later call with the same documents goes on from. The index is only read.
    """
    opened = Index.open(index)
    settings = opened.settings
    near = settings.near
    signed = near.enabled and all(read_summary(unit.directory).bands for unit in units)
    barred = _barred(deleted(opened), ids, urls, hosts)
    like = neighbours(
        opened,
        units,
        near=(banding(near).bands if signed else 0, near.threshold, near.containment),
        directory=directory,
        memory_bytes=memory_bytes,
        jobs=jobs,
        on_event=on_event,
    )
    names = pl.DataFrame({"doc": pl.int_range(ids.len(), dtype=pl.Int64, eager=True), "own": ids})
    members = like.members.join(names, on="doc").join(barred, on="doc", how="anti")
    # Within this search a document goes by its number: ids of a run may repeat.
    members = members.with_columns(id=pl.col("doc").cast(pl.String))
    again = members.select("own").unique().join(like.survivors.select(own="id"), on="own", how="semi")
    found = partners(members.join(again, on="own", how="anti"), like.survivors, like.pairs, settings)
    rows = found.select(
        pl.col("id").cast(pl.Int64).alias("doc"),
        pl.concat_str(pl.lit("duplicates."), "method").alias("rule"),
        partner="kept_id",
        jaccard="jaccard",
        containment="containment",
    )
    return pl.concat([_rows(barred), rows.select(*MATCHES)]).sort("doc")


def _barred(gone: Deleted, ids: pl.Series, urls: pl.Series, hosts: pl.Series) -> pl.DataFrame:
    """Numbers of the documents that a tombstone names."""
    parts = [pl.Series("doc", [], pl.Int64)]
    for begin in range(0, ids.len(), _CHUNK):
        here = [one.slice(begin, _CHUNK) for one in (ids, urls, hosts)]
        keys = hex_keys(url_keys(here[1].to_list()))
        mask = gone.mask(here[0], keys, here[2], here[1])
        parts.append(pl.Series("doc", begin + mask.nonzero()[0], pl.Int64))
    return pl.concat(parts).to_frame()


def _rows(barred: pl.DataFrame) -> pl.DataFrame:
    return barred.with_columns(
        rule=pl.lit("duplicates.deleted"),
        partner=pl.lit(None, pl.String),
        jaccard=pl.lit(None, pl.Float64),
        containment=pl.lit(None, pl.Float64),
    )
