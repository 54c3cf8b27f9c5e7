"""The two steps that workers run on units; each writes its tables into the directory it is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.measures import cross_entropy, tables, unigram_counts
from curate.pipeline import decide, exchange
from curate.pipeline.parts import PartWriter, Sizes, slices
from curate.pipeline.schemas import CORPUS, RECORDS, UNIT_EDITS
from curate.pipeline.stage import BATCH_RECORDS, Stage, batches
from curate.recipe import Settings
from curate.sample import register_inputs
from curate.segment import Segments
from curate.sources import UnitSpec, read_unit
from workbench.units import Report, Work


@contextmanager
def measure_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Map 1: reads a unit, writes `records`, `measures`, `edits`, `unigrams`; the engines live with the worker."""
    register_inputs()
    stage = Stage(Settings.model_validate_json(setup["settings"]))

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        return measure_unit(stage, payload, out, report)

    try:
        yield work
    finally:
        stage.close()


def measure_unit(stage: Stage, payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
    """One unit through map 1; returns its counts and the seconds each part took."""
    spec, limit = UnitSpec.from_json(payload["unit"]), payload["limit"]
    before = dict(stage.seconds)
    records = read_unit(spec, stage.settings.read_options())
    counts = records.counts
    unigrams = np.zeros(exchange.UNIGRAM_BUCKETS, np.uint32)
    sizes: list[Sizes] = []
    with (
        PartWriter(out / "records.parquet", RECORDS) as record_rows,
        PartWriter(out / "measures.parquet") as measure_rows,
        PartWriter(out / "edits.parquet", UNIT_EDITS) as edit_rows,
    ):
        for batch in batches(records, limit):
            found = stage.process(batch)
            record_rows.write(found.records)
            measure_rows.write(found.measures)
            done = sum(size.records for size in sizes)
            edit_rows.write(found.edits.with_columns(pl.col("position") + done))
            unigrams += found.unigrams
            sizes.append(Sizes(found.records.height, found.measures.height, found.edits.height))
            report(
                min(1.0, counts.bytes_in / max(spec.end - spec.begin, 1)), records=sum(size.records for size in sizes)
            )
    exchange.write_unigrams(out / "unigrams.parquet", unigrams)
    done = sum(size.records for size in sizes)
    if limit is None and done != counts.records:
        raise AssertionError(f"the reader counted {counts.records} records, {done} arrived")
    return {
        "records": done,
        "measured": sum(size.measures for size in sizes),
        "batches": [list(size) for size in sizes],
        "skipped": dict(sorted(counts.skipped.items())),
        "bytes_in": counts.bytes_in,
        "seconds": {step: spent - before.get(step, 0.0) for step, spent in stage.seconds.items()},
    }


@contextmanager
def decide_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Map 2: corpus measures and the profile's rules over one measured unit; writes `decisions` and `corpus`."""
    settings = Settings.model_validate_json(setup["settings"])
    profile = settings.profile
    shared = Path(setup["exchange"])
    totals = np.load(shared / "unigrams.npy", mmap_mode="r")
    table = pl.read_parquet(shared / "lengths.parquet", glob=False)
    lengths = {lang: words.to_numpy() for lang, words in zip(table["lang"], table["words"], strict=True)}
    every_repeat = pl.read_parquet(shared / "repeated.parquet", glob=False)

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        repeated = every_repeat.filter(pl.col("unit") == payload["number"]).drop("unit")
        done = dropped_bytes = 0
        with PartWriter(out / "decisions.parquet") as decision_rows, PartWriter(out / "corpus.parquet") as corpus_rows:
            for piece in slices(Path(payload["measured"]), payload["batches"], payload["take"]):
                here = repeated.with_columns(position=pl.col("position").cast(pl.Int64) - piece.begin)
                undecided = decide.base(piece.records, here)
                has_text = piece.records["text"].is_not_null()
                # A repeated record was measured before anyone could know; its measures go no further.
                first = undecided["state"].is_null().filter(has_text)
                measures = piece.measures.filter(first)
                corpus = pl.DataFrame(
                    {
                        "corpus.cross_entropy": _entropies(
                            piece.records["text"].filter(has_text).filter(first), totals
                        ),
                        "corpus.length_rank": decide.length_ranks(measures, lengths),
                    },
                    schema=CORPUS,
                ).hstack(tables.rows(settings.measures.tables, measures["id"]))
                decisions = decide.settle(undecided, measures.hstack(corpus), profile)
                decision_rows.write(decisions)
                corpus_rows.write(corpus)
                done += decisions.height
                dropped = piece.records["text"].str.len_bytes().filter(decisions["state"] == "dropped")
                dropped_bytes += int(dropped.sum() or 0)
                report(done / max(payload["take"], 1), records=done)
        if done != payload["take"]:
            raise AssertionError(f"{payload['take']} records came in, {done} decisions went out")
        return {"records": done, "dropped_text_bytes": dropped_bytes}

    yield work


def _entropies(texts: pl.Series, totals: np.ndarray) -> np.ndarray:
    """Cross-entropy of each text, a bounded number of texts at a time."""
    parts = [
        cross_entropy(Segments(texts.slice(begin, BATCH_RECORDS).to_list()), totals)
        for begin in range(0, texts.len(), BATCH_RECORDS)
    ]
    return np.concatenate([np.empty(0, np.float64), *parts])


def write_exchange(directory: Path, units: list[Path], summaries: list[dict[str, Any]], limit: int | None) -> list[int]:
    """Writes what map 2 needs to know of the whole corpus; returns how many records of each unit count."""
    records = [unit / "records.parquet" for unit in units]
    takes = exchange.take_per_unit([summary["records"] for summary in summaries], limit)
    measured = [
        int(pl.read_parquet(path, columns=["text"], glob=False).head(take)["text"].is_not_null().sum())
        if take < summary["records"]
        else summary["measured"]
        for path, take, summary in zip(records, takes, summaries, strict=True)
    ]
    whole = [take == summary["records"] for take, summary in zip(takes, summaries, strict=True)]
    totals = exchange.sum_unigrams([unit / "unigrams.parquet" for unit, full in zip(units, whole, strict=True) if full])
    for unit, take, summary, full in zip(units, takes, summaries, whole, strict=True):
        if not full:  # the limit cuts within this unit: only the words of its first records count
            for piece in slices(unit, summary["batches"], take):
                totals += unigram_counts(Segments(piece.records["text"].drop_nulls().to_list()))
    np.save(directory / "unigrams.npy", totals)
    lengths = exchange.lengths_by_language([unit / "measures.parquet" for unit in units], measured)
    pl.DataFrame(
        {"lang": list(lengths), "words": [values.tolist() for values in lengths.values()]},
        schema={"lang": pl.String, "words": pl.List(pl.Int64)},
    ).write_parquet(directory / "lengths.parquet")
    repeated = exchange.repeated_ids(records, takes)
    columns = {"position": pl.UInt32, "partner_file": pl.String, "partner_row": pl.Int64, "unit": pl.Int64}
    parts = [part.with_columns(unit=pl.lit(number, pl.Int64)) for number, part in enumerate(repeated)]
    pl.concat([pl.DataFrame(schema=columns), *parts]).write_parquet(directory / "repeated.parquet")
    return takes
