"""The two steps that workers run on units; each writes its tables into the directory it is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.measures import cross_entropy
from curate.pipeline import decide, exchange
from curate.pipeline.parts import PartWriter
from curate.pipeline.schemas import CORPUS, DECISIONS, EDITS, RECORDS
from curate.pipeline.stage import BATCH_RECORDS, Stage, batches
from curate.recipe import Settings
from curate.segment import Segments
from curate.sources import UnitSpec, read_unit
from workbench.units import Report, Work


@contextmanager
def measure_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Map 1: reads a unit, writes `records`, `measures`, `edits`, `unigrams`; the engines live as long as the worker."""
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
    done = chars = measured = 0
    with (
        PartWriter(out / "records.parquet", RECORDS) as record_rows,
        PartWriter(out / "measures.parquet") as measure_rows,
        PartWriter(out / "edits.parquet", EDITS) as edit_rows,
    ):
        for batch in batches(records, limit):
            tables = stage.process(batch)
            record_rows.write(tables.records)
            measure_rows.write(tables.measures)
            edit_rows.write(tables.edits)
            unigrams += tables.unigrams
            done += tables.records.height
            measured += tables.measures.height
            chars += int(tables.measures["text.chars"].sum())
            report(min(1.0, counts.bytes_in / max(spec.end - spec.begin, 1)), records=done)
    exchange.write_unigrams(out / "unigrams.parquet", unigrams)
    if limit is None and done != counts.records:
        raise AssertionError(f"the reader counted {counts.records} records, {done} arrived")
    return {
        "records": done,
        "measured": measured,
        "chars": chars,
        "skipped": dict(sorted(counts.skipped.items())),
        "bytes_in": counts.bytes_in,
        "seconds": {step: spent - before.get(step, 0.0) for step, spent in stage.seconds.items()},
    }


@contextmanager
def decide_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Map 2: corpus measures and the profile's rules over one measured unit; writes `decisions` and `corpus`."""
    profile = Settings.model_validate_json(setup["settings"]).profile
    shared = Path(setup["exchange"])
    totals = np.load(shared / "unigrams.npy", mmap_mode="r")
    lengths = {row[0]: np.asarray(row[1]) for row in pl.read_parquet(shared / "lengths.parquet").iter_rows()}
    every_repeat = pl.read_parquet(shared / "repeated.parquet")

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        unit = Path(payload["measured"])
        repeated = every_repeat.filter(pl.col("unit") == payload["number"]).drop("unit")
        records = pl.read_parquet(unit / "records.parquet").head(payload["take"])
        has_text = records["text"].is_not_null()
        undecided = decide.base(records, repeated)
        # A repeated record was measured before anyone could know; its measures go no further.
        first = undecided["state"].is_null().filter(has_text)
        measures = pl.read_parquet(unit / "measures.parquet").head(int(has_text.sum())).filter(first)
        texts = records["text"].filter(has_text).filter(first)
        corpus = pl.DataFrame(
            {
                "corpus.cross_entropy": _entropies(texts, totals),
                "corpus.length_rank": decide.length_ranks(measures, lengths),
            },
            schema=CORPUS,
        )
        decisions = decide.settle(undecided, measures.hstack(corpus), profile)
        if decisions.height != records.height:
            raise AssertionError(f"{records.height} records came in, {decisions.height} decisions went out")
        for name, frame, schema in (("decisions", decisions, DECISIONS), ("corpus", corpus, CORPUS)):
            with PartWriter(out / f"{name}.parquet", schema) as writer:
                writer.write(frame)
        dropped_bytes = records["text"].str.len_bytes().filter(decisions["state"] == "dropped").sum()
        return {"records": records.height, "dropped_text_bytes": int(dropped_bytes or 0)}

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
        int(pl.read_parquet(path, columns=["text"]).head(take)["text"].is_not_null().sum())
        if take < summary["records"]
        else summary["measured"]
        for path, take, summary in zip(records, takes, summaries, strict=True)
    ]
    np.save(directory / "unigrams.npy", exchange.sum_unigrams([unit / "unigrams.parquet" for unit in units]))
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
