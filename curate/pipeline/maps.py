"""The two steps that workers run on units; each writes its tables into the directory it is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.contamination.match import Matcher
from curate.contamination.match_scan import Seen, joined
from curate.duplicates.repeats.lines import LineWriter, Repeated
from curate.duplicates.store import UnitWriter
from curate.measures import cross_entropy, tables, unigram_counts
from curate.pipeline import decide, exchange
from curate.pipeline.parts import PartWriter, Sizes, Slice, part, slices
from curate.pipeline.schemas import CORPUS, EXTRACTED, RECORDS, TEXTS, UNIT_EDITS
from curate.pipeline.stage import BATCH_RECORDS, Clock, Extraction, Stage, Texts, batches
from curate.recipe import Settings
from curate.sample import register_inputs
from curate.segment import Segments, decode
from curate.sources import UnitSpec, read_unit
from workbench.units import Report, Work

SEEN = "seen"  # folder of a measured unit: what its texts share with benchmark items


@contextmanager
def measure_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Map 1 in one pass: reads a unit, writes what `measure_unit` writes; the engines live with the worker."""
    register_inputs()
    stage = Stage(Settings.model_validate_json(setup["settings"]), _matcher(setup))

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        before = dict(stage.clock.seconds)
        frames = _Extracted(stage.extraction, payload)
        result = measure_unit(stage.texts, frames, out, lambda done: report(frames.fraction, records=done))
        return {**frames.result(result["records"]), **result, "seconds": _since(stage.clock, before)}

    try:
        yield work
    finally:
        stage.close()


@contextmanager
def extract_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Map 1, first half: writes `records` before any edit, and `lines`, the lines of the pages of each host."""
    register_inputs()
    settings = Settings.model_validate_json(setup["settings"])
    clock = Clock()
    extraction = Extraction(settings, clock)

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        before = dict(clock.seconds)
        frames = _Extracted(extraction, payload)
        sizes: list[int] = []
        with (
            PartWriter(out / "records.parquet", EXTRACTED) as rows,
            LineWriter(out, settings.duplicates.lines.max_chars) as line_rows,
        ):
            for frame in frames:
                rows.write(frame)
                sizes.append(frame.height)
                found = frame.select("text", "host", "url").filter(pl.col("text").is_not_null())
                with clock("lines"):
                    line_rows.write(decode(found["text"]), found["host"].to_list(), found["url"].to_list())
                report(frames.fraction, records=sum(sizes))
        return {
            **frames.result(sum(sizes)),
            "records": sum(sizes),
            "batches": sizes,
            "seconds": _since(clock, before),
        }

    try:
        yield work
    finally:
        extraction.close()


@contextmanager
def edit_step(setup: dict[str, Any]) -> Iterator[Work]:
    """Map 1, second half: edits, measures and signatures of what `extract_step` left."""
    settings = Settings.model_validate_json(setup["settings"])
    clock = Clock()
    texts = Texts(settings, clock, repeated=Repeated.read(Path(setup["repeated"])), matcher=_matcher(setup))

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        before = dict(clock.seconds)
        frames = _stored(Path(payload["extracted"]), payload["batches"])
        total = max(sum(payload["batches"]), 1)
        result = measure_unit(texts, frames, out, lambda done: report(done / total, records=done))
        return {**result, "seconds": _since(clock, before)}

    yield work


def _matcher(setup: dict[str, Any]) -> Matcher | None:
    return Matcher.load(Path(setup["sought"])) if "sought" in setup else None


def measure_unit(
    texts: Texts, frames: Iterable[pl.DataFrame], out: Path, report: Callable[[int], None]
) -> dict[str, Any]:
    """One unit from EXTRACTED rows on; writes `records`, `measures`, `edits`, `unigrams`, what was signed and seen."""
    unigrams = np.zeros(exchange.UNIGRAM_BUCKETS, np.uint32)
    sizes: list[Sizes] = []
    seen: list[Seen] = []
    done = 0
    with (
        PartWriter(out / "records.parquet", RECORDS) as record_rows,
        PartWriter(out / "measures.parquet") as measure_rows,
        PartWriter(out / "edits.parquet", UNIT_EDITS) as edit_rows,
        UnitWriter(out, texts.signer.bands) if texts.signer is not None else nullcontext() as signed,
    ):
        for frame in frames:
            found = texts.process(frame)
            record_rows.write(found.records)
            measure_rows.write(found.measures)
            edit_rows.write(found.edits.with_columns(pl.col("position") + done))
            if signed is not None and found.signed is not None:
                signed.write(found.signed)
            if found.seen is not None:
                seen.append(found.seen)
            unigrams += found.unigrams
            sizes.append(Sizes(found.records.height, found.measures.height, found.edits.height))
            done += found.records.height
            report(done)
    exchange.write_unigrams(out / "unigrams.parquet", unigrams)
    if seen:
        joined(seen).save(out / SEEN)
    return {
        "records": done,
        "measured": sum(size.measures for size in sizes),
        "batches": [list(size) for size in sizes],
    }


class _Extracted:
    """The EXTRACTED rows of a unit of the input, batch by batch, with what the reader counted."""

    def __init__(self, extraction: Extraction, payload: dict[str, Any]) -> None:
        self.spec = UnitSpec.from_json(payload["unit"])
        self.limit = payload["limit"]
        self.extraction = extraction
        self.reader = read_unit(self.spec, extraction.settings.read_options())

    def __iter__(self) -> Iterator[pl.DataFrame]:
        groups = batches(self.reader, self.limit)
        while True:
            with self.extraction.clock("read"):
                records = next(groups, None)
            if records is None:
                return
            yield self.extraction.process(records)

    @property
    def fraction(self) -> float:
        """Share of the unit's bytes that have been read."""
        return min(1.0, self.reader.counts.bytes_in / max(self.spec.end - self.spec.begin, 1))

    def result(self, done: int) -> dict[str, Any]:
        """What the reader counted; raises AssertionError where a record got lost on the way."""
        counts = self.reader.counts
        if self.limit is None and done != counts.records:
            raise AssertionError(f"the reader counted {counts.records} records, {done} arrived")
        return {"skipped": dict(sorted(counts.skipped.items())), "bytes_in": counts.bytes_in}


def _stored(unit: Path, sizes: list[int]) -> Iterator[pl.DataFrame]:
    begin = 0
    for size in sizes:
        yield part(unit / "records.parquet", begin, size)
        begin += size


def _since(clock: Clock, before: dict[str, float]) -> dict[str, float]:
    return {step: spent - before.get(step, 0.0) for step, spent in clock.seconds.items()}


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
        began = time.perf_counter()
        repeated = every_repeat.filter(pl.col("unit") == payload["number"]).drop("unit")
        done = dropped_bytes = 0
        with (
            PartWriter(out / "decisions.parquet") as decision_rows,
            PartWriter(out / "corpus.parquet") as corpus_rows,
            PartWriter(out / "texts.parquet", TEXTS) as text_rows,
        ):
            texts_before = 0
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
                text_rows.write(_texts(piece, decisions, texts_before).filter(first))
                texts_before += piece.measures.height
                done += decisions.height
                dropped = piece.records["text"].str.len_bytes().filter(decisions["state"] == "dropped")
                dropped_bytes += int(dropped.sum() or 0)
                report(done / max(payload["take"], 1), records=done)
        if done != payload["take"]:
            raise AssertionError(f"{payload['take']} records came in, {done} decisions went out")
        spent = {"decide": time.perf_counter() - began}
        return {"records": done, "dropped_text_bytes": dropped_bytes, "seconds": spent}

    yield work


def _texts(piece: Slice, decisions: pl.DataFrame, texts_before: int) -> pl.DataFrame:
    """TEXTS rows, a row for each text of the slice; lengths are of the text that is stored, whatever rules read."""
    text = piece.records["text"]
    rows = decisions.select("id", "host", "file", "state").with_columns(
        date=piece.records["date"], chars=text.str.len_chars().cast(pl.Int64), bytes=text.str.len_bytes()
    )
    rows = rows.with_row_index("position", piece.begin).filter(pl.col("bytes").is_not_null())
    return rows.with_row_index("row", texts_before).with_columns(passed=pl.col("state") == "kept")


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
