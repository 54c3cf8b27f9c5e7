"""After the rules: what drops or cuts documents that passed them, and the duplicates among these.

One function decides about duplicates for runs and child runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from curate.duplicates import guards, order
from curate.duplicates.banding import banding
from curate.duplicates.config import Duplicates
from curate.duplicates.exchange import Found, find
from curate.duplicates.index.matches import matches
from curate.duplicates.index.state import NAME
from curate.duplicates.resolve import DUPLICATES, clusters, resolve
from curate.duplicates.types import SignedUnit
from curate.pipeline.decide import AFTER_RULES, DUPLICATES_STEP
from curate.pipeline.schemas import FINGERPRINTS, INDEXED, PAIRS
from workbench.errors import Exit, UserError
from workbench.events import Listener
from workbench.files import sha256
from workbench.tables import parquet_files

# What a document that is dropped after the rules gets in its decision.
DROPS = {"rule": pl.String, "value": pl.String, "threshold": pl.String, "partner": pl.String}


@dataclass
class Late:
    """What the search came to: tables by name, drops and cuts by unit."""

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    drops: dict[int, pl.DataFrame] = field(default_factory=dict)  # unit -> position and DROPS, sorted by position
    cuts: dict[int, pl.DataFrame] = field(default_factory=dict)  # unit -> CUTS, in order
    dropped_bytes: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    gates: list[str] = field(default_factory=list)  # what of the run failed a check

    def kept(self, unit: int, texts: pl.DataFrame) -> pl.DataFrame:
        """Of a unit's TEXTS rows those that the rules and what came after them have kept so far, in order."""
        passed = texts.filter("passed")
        gone = self.drops.get(unit)
        return passed if gone is None else passed.join(gone, on="position", how="anti", maintain_order="left")

    def drop(self, rows: pl.DataFrame) -> None:
        """Drops documents that were kept so far: unit, position and DROPS."""
        for (unit,), of_unit in rows.partition_by("unit", as_dict=True, include_key=False).items():
            of_unit = of_unit.select("position", *(pl.col(name).cast(kind) for name, kind in DROPS.items()))
            before = self.drops.get(int(unit), of_unit.clear())
            self.drops[int(unit)] = pl.concat([before, of_unit]).sort("position")


def signed_units(places: Places) -> list[SignedUnit]:
    """The units as the search takes them."""
    units = []
    for directory, judged, count in zip(places.measured, places.decided, places.texts, strict=True):
        rows = pl.read_parquet(judged / "texts.parquet", columns=["row"], glob=False)["row"].to_numpy()
        out = np.setdiff1d(np.arange(count, dtype=np.uint32), rows.astype(np.uint32), assume_unique=True)
        units.append(SignedUnit(directory, count, out))
    return units


def search(units: Sequence[SignedUnit], config: Duplicates, *, directory: Path, jobs: int, on_event: Listener) -> Found:
    """Groups and verified pairs among all texts that were judged, whether they passed or not."""
    near = config.near
    return find(
        units,
        banding(near).bands if near.enabled else 0,
        near.threshold,
        near.containment,
        directory=directory,
        memory_bytes=int(config.memory_gb * 1e9),
        jobs=jobs,
        on_event=on_event,
    )


def ask_index(
    units: Sequence[SignedUnit], config: Duplicates, *, directory: Path, jobs: int, on_event: Listener
) -> pl.DataFrame:
    """What the index that the recipe names says of all texts: MATCHES of `curate.duplicates.index.matches`.

    Raises UserError (exit 5) where somebody wrote to the index meanwhile: its segments may go at any moment.
    """
    assert config.index is not None
    parts = [
        pl.scan_parquet(unit.directory / "records.parquet", glob=False)
        .filter(pl.col("chars_removed").is_not_null())  # null exactly where there is no text
        .select("id", "url", "host")
        .collect()
        for unit in units
    ]
    every = pl.concat(parts)
    state = Path(config.index) / NAME
    before = sha256(state)
    try:
        found = matches(
            Path(config.index),
            units,
            every["id"],
            every["url"],
            every["host"],
            directory=directory,
            memory_bytes=int(config.memory_gb * 1e9),
            jobs=jobs,
            on_event=on_event,
        )
    except FileNotFoundError:
        if sha256(state) == before:
            raise
    else:
        if sha256(state) == before:
            return found
    message = f"the index {config.index} was changed while the run read it"
    raise UserError(message, hint="run it again when nobody writes to the index", code=Exit.LOCKED)


def settle(found: Found, known: pl.DataFrame | None, places: Places, config: Duplicates) -> Late:
    """Who stays among the documents that passed the rules, and what the run stores so that others can ask again.

    `known` is what `ask_index` gave, where the recipe names an index.
    """
    rows = pl.read_parquet(found.members, glob=False)
    members = places.of(rows)
    if members.height != rows.height:
        raise AssertionError("a text was compared that was not judged")
    pairs = pl.read_parquet(found.pairs, glob=False).select(pl.col(name).cast(kind) for name, kind in PAIRS.items())
    late = Late()
    late.tables = {"fingerprints": members.select(FINGERPRINTS.keys()).sort("id"), "pairs": pairs}
    located = members
    indexed = pl.DataFrame(schema=INDEXED)
    if known is not None:
        at = places.of(known)
        indexed = at.filter("passed").select(INDEXED.keys())
        located = pl.concat([members, at], how="diagonal").unique("id", maintain_order=True)
        late.tables["indexed"] = at.select(INDEXED.keys()).sort("id")
    gone, drops = choose(members.filter("passed"), pairs, indexed, config)
    late.tables["duplicates"] = gone
    removed = drops.join(located.select("id", "unit", "position", "bytes"), on="id")
    by_rule = dict(removed.group_by("rule").len().iter_rows())
    late.counts = {f"duplicates_{rule.split('.')[1]}": by_rule[rule] for rule in sorted(by_rule)}
    late.counts["duplicates_clusters"] = gone["cluster"].n_unique()
    told = ("oversized", "buckets_cut")
    late.counts |= {f"duplicates_{name}": found.counts[name] for name in told if name in found.counts}
    late.dropped_bytes = int(removed["bytes"].sum())
    late.drop(removed)
    return late


def trips(decisions: pl.LazyFrame, gone: pl.DataFrame, config: Duplicates) -> list[guards.Trip]:
    """The guards that tripped, from the decisions of a run and its DUPLICATES."""
    late = pl.col("step").eq_missing(DUPLICATES_STEP) & (pl.col("state") == "dropped")
    passed = decisions.filter((pl.col("state") == "kept") | pl.col("step").is_in(AFTER_RULES))
    counts = passed.group_by("host", "file").agg(documents=pl.len(), removed=late.sum()).sort("host", "file").collect()
    counts = counts.with_columns(order.source_names(counts["file"], config.sources))
    return guards.guard(counts, counts.select("host", "source", documents="removed"), clusters(gone), config.guards)


def judged(directory: Path, config: Duplicates) -> tuple[list[str], list[str]]:
    """What the guards say of the tables that a run has written: sentences of gates, and of mere warnings."""
    decisions = pl.scan_parquet(parquet_files(directory / "decisions"), glob=False)
    gone = pl.read_parquet(parquet_files(directory / "duplicates"), glob=False)
    tripped = trips(decisions, gone, config)
    alarms = [trip for trip in tripped if trip.alarm or config.guards.override]
    return [trip.sentence for trip in tripped if trip not in alarms], guards.sentences(alarms, config.guards)


def choose(
    passed: pl.DataFrame, pairs: pl.DataFrame, indexed: pl.DataFrame, config: Duplicates
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """DUPLICATES among the documents that passed the rules, and the decisions that follow: id and DROPS.

    `passed` has a row for each document that shares a fingerprint or stands in a pair: FINGERPRINTS and the measures
    that the order of survivors reads. `indexed` are the INDEXED rows of documents that passed: they go first, because
    what is in the index stays.
    """
    own = passed.join(indexed, on="id", how="anti", maintain_order="left")
    near = config.near
    ranked = own.with_columns(rank=order.ranks(own, config.survivor, config.sources))
    among = resolve(
        ranked.select("id", "text", "url", "set", "rank"),
        pairs,
        near.threshold,
        near.containment,
        text=config.text,
        url=config.url,
        near=near.enabled,
    )
    there = indexed.filter(pl.col("partner").is_not_null()).select(
        dropped_id="id",
        kept_id="partner",
        cluster="partner",
        jaccard="jaccard",
        containment="containment",
        method=pl.col("rule").str.split(".").list.last(),
    )
    tables = [frame.select(pl.col(name).cast(kind) for name, kind in DUPLICATES.items()) for frame in (among, there)]
    gone = pl.concat(tables).sort("dropped_id")
    barred = indexed.filter(pl.col("partner").is_null()).select(
        "id", "rule", value=pl.lit(None, pl.String), threshold=pl.lit("deleted from the index"), partner="partner"
    )
    return gone, pl.concat([_drops(gone, config), barred.select("id", *DROPS)])


def _drops(gone: pl.DataFrame, config: Duplicates) -> pl.DataFrame:
    near = config.near
    by_containment = (pl.col("method") == "near") & (pl.col("jaccard") < near.threshold)
    return gone.select(
        id="dropped_id",
        rule=pl.format("{}.{}", pl.lit(DUPLICATES_STEP), "method"),
        value=pl.when(by_containment).then("containment").otherwise("jaccard").cast(pl.String),
        threshold=pl.when(pl.col("method") != "near")
        .then(pl.lit(None, pl.String))
        .when(by_containment)
        .then(pl.lit(f"contained >= {near.containment}"))
        .otherwise(pl.lit(f">= {near.threshold}")),
        partner="kept_id",
    )


class Places(NamedTuple):
    """Where the documents of a search stand in the units, and what the two maps said of them."""

    measured: Sequence[Path]
    decided: Sequence[Path]
    texts: Sequence[int]  # of each unit, all that were signed
    measures: Sequence[str]  # that the order of survivors reads

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """TEXTS columns, unit and measures beside the given rows, in order of their column `doc`; a document that was
        not judged, because its record came before or lies beyond the limit, has no row."""
        rows = rows.sort("doc")
        docs = rows["doc"].to_numpy()
        begin = 0
        found: list[pl.DataFrame] = []
        for unit, count in enumerate(self.texts):
            low, high = np.searchsorted(docs, [begin, begin + count])
            here = rows.slice(int(low), int(high - low))
            if here.height or not found:
                found.append(self.in_unit(unit, here.select(pl.exclude("doc"), (pl.col("doc") - begin).alias("row"))))
            begin += count
        return pl.concat(found)

    def in_unit(self, unit: int, rows: pl.DataFrame) -> pl.DataFrame:
        """The same for rows of one unit, named by their column `row`, which is sorted."""
        of_unit = pl.read_parquet(self.decided[unit] / "texts.parquet", glob=False)
        joined = rows.join(of_unit, on="row", how="inner", maintain_order="left")
        columns = [self._measure(unit, name, of_unit["row"], joined["row"]) for name in self.measures]
        return joined.with_columns(pl.lit(unit, pl.Int64).alias("unit"), *columns)

    def _measure(self, unit: int, name: str, judged: pl.Series, rows: pl.Series) -> pl.Series:
        """What the second map added lies beside the texts it judged, not beside all texts."""
        measures = self.measured[unit] / "measures.parquet"
        if name in pl.read_parquet_schema(measures):
            return pl.read_parquet(measures, columns=[name], glob=False)[name].gather(rows)
        column = pl.read_parquet(self.decided[unit] / "corpus.parquet", columns=[name], glob=False)[name]
        return column.gather(judged.search_sorted(rows))
