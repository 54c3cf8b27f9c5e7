"""After the rules: duplicates among the documents that passed them. One function decides for runs and child runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from curate.duplicates import guards, order
from curate.duplicates.banding import banding
from curate.duplicates.config import Duplicates
from curate.duplicates.exchange import Found, find
from curate.duplicates.resolve import clusters, resolve
from curate.duplicates.types import SignedUnit
from curate.pipeline.decide import DUPLICATES_STEP
from curate.pipeline.schemas import DUPLICATES, FINGERPRINTS, PAIRS
from workbench.events import Listener

# What a document that is dropped after the rules gets in its decision.
DROPS = {"rule": pl.String, "value": pl.String, "threshold": pl.String, "partner": pl.String}


@dataclass
class Late:
    """What the search came to: tables by name, drops by unit, and the sentences of guards that tripped."""

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    drops: dict[int, pl.DataFrame] = field(default_factory=dict)  # unit -> position and DROPS, sorted by position
    dropped_bytes: int = 0
    gates: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def signed_units(measured: Sequence[Path], decided: Sequence[Path], texts: Sequence[int]) -> list[SignedUnit]:
    """The units as the search takes them; `texts` says how many each has signed."""
    units = []
    for directory, judged, count in zip(measured, decided, texts, strict=True):
        rows = pl.read_parquet(judged / "texts.parquet", columns=["row"], glob=False)["row"].to_numpy()
        out = np.setdiff1d(np.arange(count, dtype=np.uint32), rows.astype(np.uint32), assume_unique=True)
        units.append(SignedUnit(directory, count, out))
    return units


def search(
    units: Sequence[SignedUnit], config: Duplicates, *, directory: Path, jobs: int, on_event: Listener
) -> Found:
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


def settle(
    found: Found, measured: Sequence[Path], decided: Sequence[Path], texts: Sequence[int], config: Duplicates
) -> Late:
    """Who stays among the documents that passed the rules, and what the run stores so that others can ask again."""
    members = pl.concat(
        [pl.DataFrame(schema=_MEMBERS), *_members(found, measured, decided, texts, order.columns_needed(config.survivor))],
        how="diagonal",
    )
    pairs = pl.read_parquet(found.pairs, glob=False).select(pl.col(name).cast(kind) for name, kind in PAIRS.items())
    gone = choose(members.filter("passed"), pairs, config)
    late = Late()
    late.tables = {
        "fingerprints": members.select(FINGERPRINTS.keys()).sort("id"),
        "pairs": pairs,
        "duplicates": gone,
    }
    rows = drops(gone, config).join(members.select("id", "unit", "position", "bytes", "host", "file"), on="id")
    _judge(late, rows, decided, config, clusters(gone))
    late.dropped_bytes = int(rows["bytes"].sum())
    for (unit,), of_unit in rows.partition_by("unit", as_dict=True, include_key=False).items():
        late.drops[int(unit)] = of_unit.select("position", *DROPS).sort("position")
    return late


def _judge(
    late: Late, removed: pl.DataFrame, decided: Sequence[Path], config: Duplicates, sizes: pl.DataFrame
) -> None:
    """Fills in counts, warnings and gates."""

    def counted(rows: pl.DataFrame) -> pl.DataFrame:
        by = rows.with_columns(source=order.source_names(rows["file"], config.sources))
        return by.group_by("host", "source").agg(documents=pl.len())

    parts = [
        counted(pl.read_parquet(unit / "texts.parquet", columns=["host", "file", "passed"], glob=False).filter("passed"))
        for unit in decided
    ]
    trips = guards.guard(pl.concat(parts), counted(removed), sizes, config.guards)
    alarms = [trip for trip in trips if trip.alarm] if not config.guards.override else trips
    late.warnings = guards.sentences(alarms, config.guards)
    late.gates = [trip.sentence for trip in trips if trip not in alarms]
    by_rule = dict(removed.group_by("rule").len().iter_rows())
    late.counts = {f"duplicates_{rule.split('.')[1]}": by_rule[rule] for rule in sorted(by_rule)}
    late.counts["duplicates_clusters"] = sizes.height


def choose(passed: pl.DataFrame, pairs: pl.DataFrame, config: Duplicates) -> pl.DataFrame:
    """DUPLICATES among the documents that passed the rules.

    `passed` has a row for each document that shares a fingerprint or stands in a pair: FINGERPRINTS and the measures
    that the order of survivors reads.
    """
    ranked = passed.with_columns(rank=order.ranks(passed, config.survivor, config.sources))
    near = config.near
    gone = resolve(
        ranked.select("id", "text", "url", "set", "rank"),
        pairs,
        near.threshold,
        near.containment,
        text=config.text,
        url=config.url,
        near=near.enabled,
    )
    return gone.select(pl.col(name).cast(kind) for name, kind in DUPLICATES.items())


def drops(gone: pl.DataFrame, config: Duplicates) -> pl.DataFrame:
    """The decisions that follow from DUPLICATES rows: id and DROPS."""
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


def none() -> pl.DataFrame:
    """DUPLICATES of nobody."""
    return pl.DataFrame(schema=DUPLICATES)


_MEMBERS = {**FINGERPRINTS, "host": pl.String, "unit": pl.Int64, "position": pl.Int64, "bytes": pl.Int64, "passed": pl.Boolean}


def _members(
    found: Found, measured: Sequence[Path], decided: Sequence[Path], texts: Sequence[int], measures: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """The documents that share something, unit by unit, with what the declared order reads."""
    members = pl.read_parquet(found.members, glob=False).sort("doc")
    docs = members["doc"].to_numpy()
    begin = 0
    for unit, (directory, judged, count) in enumerate(zip(measured, decided, texts, strict=True)):
        low, high = np.searchsorted(docs, [begin, begin + count])
        here = members.slice(int(low), int(high - low)).select(
            "text", "url", "set", unit=pl.lit(unit, pl.Int64), row=(pl.col("doc") - begin).cast(pl.Int64)
        )
        begin += count
        if here.is_empty():
            continue
        of_unit = pl.read_parquet(judged / "texts.parquet", glob=False)
        rows = here.join(of_unit, on="row", how="inner", maintain_order="left")
        assert rows.height == here.height, "a text was compared that was not judged"
        for name in measures:
            rows = rows.with_columns(_measure(directory, judged, name, of_unit["row"], rows["row"]))
        yield rows.select(*_MEMBERS, *measures)


def _measure(measured: Path, decided: Path, name: str, judged: pl.Series, rows: pl.Series) -> pl.Series:
    """One measure of the given rows; what the second map added lies beside its texts, not beside all texts."""
    if name in pl.read_parquet_schema(measured / "measures.parquet"):
        return pl.read_parquet(measured / "measures.parquet", columns=[name], glob=False)[name].gather(rows)
    column = pl.read_parquet(decided / "corpus.parquet", columns=[name], glob=False)[name]
    return column.gather(judged.search_sorted(rows))
