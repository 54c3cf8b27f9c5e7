"""When a run has removed too much: shares of a host or of a source, and clusters too large to be copies of one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import polars as pl

from curate.duplicates.config import Guards

_Kind = Literal["source", "host", "cluster"]
_MOST_TOLD = 5


class Trip(NamedTuple):
    """One guard that tripped."""

    kind: _Kind
    name: str
    """The host, the source (a pattern or an input file), or the cluster's id."""
    documents: int
    """Documents that passed the document rules; of a cluster, its size."""
    removed: int
    """How many of them were removed as duplicates."""
    limit: float
    """The share, or of a cluster the size, up to which nothing trips."""

    @property
    def share(self) -> float:
        """Removed documents among those that passed."""
        return self.removed / self.documents

    @property
    def alarm(self) -> bool:
        """Whether it is only told. Thousands of copies of one error page are no fault of the run; a lost source is."""
        return self.kind == "cluster"

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        if self.kind == "cluster":
            return (
                f"cluster {self.name} has {self.documents:,} documents, more than {int(self.limit):,}: "
                f"a template, or texts too alike to tell apart ({self.removed:,} removed)"
            )
        return (
            f"{self.kind} {self.name} lost {_percent(self.share)} of its documents as duplicates "
            f"({self.removed:,} of {self.documents:,}), more than {_percent(self.limit)}"
        )


def guard(passed: pl.DataFrame, removed: pl.DataFrame, clusters: pl.DataFrame, config: Guards) -> list[Trip]:
    """What tripped: sources, then hosts, then clusters, each with the most removed documents first.

    `passed` and `removed` count the `documents` that passed the document rules, and those of them removed as
    duplicates, by `host` and `source` (several rows of one host and source are added up; documents without a host are
    judged by their source only). `clusters` is what `resolve.clusters` returns.
    """
    trips = _shares("source", passed, removed, config.min_documents, config.max_source_share)
    trips += _shares("host", passed, removed, config.min_documents, config.max_host_share)
    large = clusters.filter(pl.col("documents") > config.max_cluster).with_columns(
        removed=pl.col("documents") - pl.col("kept")
    )
    trips += _trips("cluster", large.rename({"cluster": "name"}), config.max_cluster)
    return trips


def exportable(trips: Sequence[Trip], config: Guards) -> bool:
    """Whether the run may be exported: no share was passed, or the recipe overrides that."""
    return config.override or all(trip.alarm for trip in trips)


def sentences(trips: Sequence[Trip], config: Guards) -> list[str]:
    """What tripped, for people: the first few of each kind, and what to do where the run is not exportable."""
    told: list[str] = []
    for kind in ("source", "host", "cluster"):
        same = [trip for trip in trips if trip.kind == kind]
        told += [trip.sentence for trip in same[:_MOST_TOLD]]
        if (left := len(same) - _MOST_TOLD) > 0:
            told.append(f"... and {left:,} more {kind}{'s' if left > 1 else ''}")
    if not exportable(trips, config):
        told.append(
            "not marked exportable: raise the limit in duplicates.guards, or set duplicates.guards.override to true"
        )
    return told


def _shares(kind: _Kind, passed: pl.DataFrame, removed: pl.DataFrame, least: int, limit: float) -> list[Trip]:
    """The hosts or sources that lost a larger share than the limit."""
    counts = _sums(passed, kind).join(_sums(removed, kind).rename({"documents": "removed"}), on="name", how="left")
    over = pl.col("removed") / pl.col("documents") > limit
    return _trips(kind, counts.filter(pl.col("documents") >= least, over), limit)


def _sums(counts: pl.DataFrame, by: str) -> pl.DataFrame:
    return counts.drop_nulls(by).group_by(name=by).agg(pl.col("documents").cast(pl.Int64).sum())


def _trips(kind: _Kind, rows: pl.DataFrame, limit: float) -> list[Trip]:
    rows = rows.select("name", "documents", "removed").sort("removed", "name", descending=[True, False])
    return [Trip(kind, name, documents, gone, limit) for name, documents, gone in rows.iter_rows()]


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
