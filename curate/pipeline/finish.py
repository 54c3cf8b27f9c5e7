"""Finishing: unit outputs, in plan order, become the shards of the run; then the law of conservation is checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import polars as pl
import xxhash

from curate.pipeline import rollups
from curate.pipeline.decide import DELETED, SAME_RECORD, dropped_late
from curate.pipeline.parts import Slice, part, slices
from curate.pipeline.passages import apply_cuts
from curate.pipeline.schemas import DOCUMENTS
from curate.rules import Profile
from curate.tokens import estimate
from workbench.files import Written
from workbench.tables import ShardWriter

_OF_MODELS = ("domain", "quality")


@dataclass
class UnitTables:
    """One unit ready to be merged; `texts` holds a row of DOCUMENTS for every decision that has a text."""

    decisions: pl.DataFrame
    measures: pl.DataFrame
    texts: pl.DataFrame
    edits: pl.DataFrame


@dataclass
class Finished:
    """What was written: files and rows by table, the funnel's rollup, how often each rule failed a document, and the
    share of the dropped texts that is stored."""

    files: list[Written] = field(default_factory=list)
    rollup: pl.DataFrame = field(default_factory=pl.DataFrame)
    rows: dict[str, int] = field(default_factory=dict)
    fired: Counter[str] = field(default_factory=Counter)
    dropped_share: float = 1.0

    def never_fired(self, profile: Profile) -> list[str]:
        """Rules of the profile that failed no document: too mild, or reading what is never there."""
        return [rule.id for rule in profile.rules if not self.fired[rule.id]]


def unit_tables(
    measured: Path,
    batches: Sequence[Sequence[int]],
    decided: Path,
    take: int,
    late: pl.DataFrame | None = None,
    cuts: pl.DataFrame | None = None,
    *,
    columns: Mapping[str, str] = MappingProxyType({}),
    count: Callable[[Sequence[str]], Sequence[int]] = estimate,
) -> Iterator[UnitTables]:
    """Joins what the two maps wrote about one unit, slice by slice.

    `late` are the drops that came after the rules, `cuts` the passages that go from kept texts; `columns`: of the
    documents, by the measures that fill them; `count` counts the tokens of texts that were cut.
    """
    corpus_begin = 0
    for piece in slices(measured, batches, take):
        decisions = part(decided / "decisions.parquet", piece.begin, piece.records.height)
        if late is not None:
            decisions = dropped_late(decisions, late.with_columns(pl.col("position") - piece.begin))
        if cuts is not None:
            piece, decisions = _without_passages(piece, decisions, cuts, count)
        has_text = piece.records["text"].is_not_null()
        first = decisions["rule"].ne_missing(SAME_RECORD).filter(has_text)
        own_measures = piece.measures.filter(first)
        corpus = part(decided / "corpus.parquet", corpus_begin, own_measures.height)
        corpus_begin += corpus.height
        measures = own_measures.hstack(corpus)
        own = decisions.filter(has_text).filter(first)
        texts = (
            piece.records.filter(has_text)
            .filter(first)
            .with_columns(
                lang=measures["language.lang"],
                lang_score=measures["language.score"],
                chars=own["chars"],
                tokens=own["tokens"],
                state=own["state"],
                **{name: _of_model(measures, columns.get(name)) for name in _OF_MODELS},
            )
            .select(*(pl.col(name).cast(kind) for name, kind in DOCUMENTS.items()), "state")
        )
        barred = decisions.filter(pl.col("rule") == DELETED)["id"]
        if barred.len():  # somebody asked for these to be gone: nothing of their text is stored again
            texts = texts.filter(~pl.col("id").is_in(barred.implode()))
            snippet = pl.when(pl.col("rule").ne_missing(DELETED)).then("snippet").alias("snippet")
            decisions = decisions.with_columns(snippet)
            piece = piece._replace(edits=piece.edits.filter(~pl.col("id").is_in(barred.implode())))
        again = (decisions["rule"] == SAME_RECORD).fill_null(False).arg_true() + piece.begin
        edits = piece.edits.filter(~pl.col("position").is_in(again.implode())).drop("position")
        yield UnitTables(decisions, measures, texts, edits)


def _of_model(measures: pl.DataFrame, name: str | None) -> pl.Series | None:
    """The measure as a column of the documents; a text without words has no domain."""
    if name is None:
        return None
    column = measures[name]
    return column.set(column == "", None) if column.dtype == pl.String else column


def _without_passages(
    piece: Slice, decisions: pl.DataFrame, cuts: pl.DataFrame, count: Callable[[Sequence[str]], Sequence[int]]
) -> tuple[Slice, pl.DataFrame]:
    """The slice with passages cut from its texts, told as edits; sizes in the decisions follow."""
    end = piece.begin + piece.records.height
    here = cuts.filter(pl.col("position").is_between(piece.begin, end, closed="left"))
    if here.is_empty():
        return piece, decisions
    position = pl.int_range(piece.begin, end, dtype=pl.Int64, eager=True).alias("position")
    records = piece.records.with_columns(position)
    found = apply_cuts(
        records.filter(pl.col("position").is_in(here["position"].implode())),
        piece.edits.filter(pl.col("position").is_in(here["position"].implode())),
        here,
        count,
    )
    texts = found.rows.select("position", "text")
    sizes = found.rows.select("position", "chars", "tokens", "bytes")
    others = piece.edits.join(texts, on="position", how="anti", maintain_order="left")
    edits = pl.concat([others, found.edits.select(others.columns)]).sort("position", maintain_order=True)
    decisions = decisions.with_columns(position).update(sizes, on="position").drop("position")
    records = records.update(texts, on="position").drop("position")
    return piece._replace(records=records, edits=edits), decisions


def write_run(
    directory: Path,
    units: Callable[[], Iterator[UnitTables]],
    *,
    extra: Mapping[str, pl.DataFrame] = MappingProxyType({}),
    dropped_text_bytes: int,
    dropped_cap_bytes: int,
    seed: int,
    shard_rows: int,
) -> Finished:
    """Streams units into the shards of every table; memory is that of one unit and one row group a table."""
    done = Finished(dropped_share=min(1.0, dropped_cap_bytes / max(dropped_text_bytes, 1)))
    with ExitStack() as stack:
        writers: dict[str, ShardWriter] = {}

        def append(name: str, frame: pl.DataFrame) -> None:
            # Measures have the columns that the run measured, so a table takes its schema from its first frame.
            if name not in writers:
                writers[name] = stack.enter_context(
                    ShardWriter(directory / name, frame.clear().to_arrow().schema, min_rows=shard_rows)
                )
            writers[name].append(frame)

        parts: list[pl.DataFrame] = []
        for unit in units():
            kept = unit.texts["state"] == "kept"
            dropped = unit.texts.filter(~kept).drop("state")
            if done.dropped_share < 1.0:
                dropped = dropped.filter(sampled(dropped["id"], done.dropped_share, seed))
            append("documents", unit.texts.filter(kept).drop("state"))
            append("dropped", dropped)
            append("measures", unit.measures)
            append("decisions", unit.decisions)
            append("edits", unit.edits)
            parts.append(rollups.rollup(unit.decisions))
            done.fired.update(unit.decisions["fails"].explode().drop_nulls().to_list())
        for name, table in extra.items():
            append(name, table)
        done.rollup = rollups.merge(parts)
        append("rollups", done.rollup)
    for name, writer in writers.items():
        done.files += [file._replace(path=f"{name}/{file.path}") for file in writer.written]
        done.rows[name] = sum(file.rows or 0 for file in writer.written)
    return done


def sampled(ids: pl.Series, share: float, seed: int) -> pl.Series:
    """True for about `share` of the ids: a keyed hash of each id, so that the choice depends on nothing else."""
    bound = int(share * 2**64)
    return pl.Series([xxhash.xxh3_64_intdigest(key.encode(), seed=seed) < bound for key in ids], dtype=pl.Boolean)
