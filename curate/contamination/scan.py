"""The two looks at a run's documents as work units: what they share with the items, and, weighed, the hits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import xxhash

from curate.ask.finished import FinishedRun
from curate.contamination.match import Matcher
from curate.contamination.match_scan import Seen, joined
from curate.contamination.match_weights import Weights
from curate.contamination.tables import FOUND, found_rows
from workbench.errors import Exit, UserError
from workbench.events import Listener
from workbench.executor import run_units
from workbench.units import Outcome, Report, Unit, Work, fingerprint

VERSION = 1
UNIT_DOCUMENTS = 5_000
BATCH_DOCUMENTS = 256


class Shard(NamedTuple):
    """A Parquet file of documents, with columns id and text. digest: of what is in it."""

    path: Path
    digest: str
    rows: int


def shards(parent: FinishedRun) -> list[Shard]:
    """The documents of a run. UserError where it has none, or a shard is missing."""
    parent.scan("documents")
    assert parent.run.manifest is not None
    files = [file for file in parent.run.manifest.outputs if file.path.startswith("documents/")]
    return [
        Shard((parent.path / file.path).resolve(), file.sha256, file.rows or 0)
        for file in sorted(files, key=lambda file: file.path)
    ]


def find(
    documents: Sequence[Shard], matcher: Matcher, *, directory: Path, key: str, jobs: int, listener: Listener
) -> tuple[pl.DataFrame, Weights, int]:
    """FOUND rows of all documents in their order, the weights, and how many documents there are.

    directory: scratch for the units, which an interrupted search goes on from. key: what names parent, items and
    variant.
    """
    matcher.save(directory / "index")
    units = list(_units(documents, key))
    seen = _do("see", units, directory, jobs, listener)
    count = sum(unit.payload["rows"] for unit in units)
    counts = np.zeros(matcher.index.gram_count, dtype=np.int64)
    for outcome in seen:
        counts[np.load(outcome.directory / "grams.npy")] += np.load(outcome.directory / "counts.npy")
    np.save(directory / "counts.npy", counts)
    counted = fingerprint(counts=xxhash.xxh3_128_hexdigest(counts.tobytes()), documents=count)
    looked = [
        Unit(
            fingerprint(seen=one.unit.fingerprint, counted=counted, step="hits"),
            {**one.unit.payload, "seen": str(one.directory), "documents": count},
        )
        for one in seen
    ]
    hits = _do("hits", looked, directory, jobs, listener)
    frames = [pl.read_parquet(outcome.directory / "found.parquet", glob=False) for outcome in hits]
    weights = matcher.weigh(counts, count)
    return pl.concat([pl.DataFrame(schema=FOUND), *frames]), weights, count


def _units(documents: Sequence[Shard], key: str) -> Iterator[Unit]:
    """Slices of the shards."""
    place = 0
    for shard in documents:
        for begin in range(0, shard.rows, UNIT_DOCUMENTS):
            rows = min(UNIT_DOCUMENTS, shard.rows - begin)
            payload = {"shard": str(shard.path), "begin": begin, "rows": rows, "place": place}
            yield Unit(
                fingerprint(key=key, version=VERSION, shard=shard.digest, begin=begin, rows=rows, place=place), payload
            )
            place += rows


def _do(step: str, units: Sequence[Unit], directory: Path, jobs: int, listener: Listener) -> list[Outcome]:
    outcomes = run_units(
        f"{__name__}:{step}",
        units,
        directory=directory / step,
        step=step,
        jobs=jobs,
        setup={"directory": str(directory)},
        on_event=listener,
    )
    failed = [outcome for outcome in outcomes if outcome.failed]
    if failed:
        message = f"{len(failed)} of {len(units)} units failed; the first: {failed[0].error}"
        raise UserError(message, hint="the same command goes on from what is done", code=Exit.PARTIAL)
    return outcomes


def _read(payload: dict[str, Any]) -> pl.DataFrame:
    """Ids and texts of a unit's documents."""
    rows = pl.scan_parquet(payload["shard"], glob=False).slice(payload["begin"], payload["rows"])
    return rows.select("id", pl.col("text").fill_null("")).collect()


@contextmanager
def see(setup: dict[str, Any]) -> Iterator[Work]:
    """The first look: writes the n-grams that each document shares with the items, and the document counts."""
    matcher = Matcher.load(Path(setup["directory"]) / "index")

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        texts = _read(payload)["text"]
        parts, counts = [], np.zeros(matcher.index.gram_count, dtype=np.int64)
        for begin in range(0, len(texts), BATCH_DOCUMENTS):
            seen = matcher.see(texts.slice(begin, BATCH_DOCUMENTS))
            counts += matcher.count(seen)
            parts.append(seen)
            report(min(1.0, (begin + BATCH_DOCUMENTS) / len(texts)), documents=begin + seen.docs)
        whole = joined(parts)
        whole.save(out)
        grams = np.flatnonzero(counts)
        np.save(out / "grams.npy", grams)
        np.save(out / "counts.npy", counts[grams])
        return {"hits": len(whole.gram)}

    yield work


@contextmanager
def hits(setup: dict[str, Any]) -> Iterator[Work]:
    """The second look, at the texts that may hold an item: writes `found`."""
    matcher = Matcher.load(Path(setup["directory"]) / "index")
    counts = np.load(Path(setup["directory"]) / "counts.npy")
    weights: list[Weights] = []  # made when the first unit says how many documents the corpus has

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        if not weights:
            weights.append(matcher.weigh(counts, payload["documents"]))
        seen = Seen.load(Path(payload["seen"]))
        documents = _read(payload)
        found = matcher.hits(seen, weights[0], _gather(documents["text"]))
        found_rows(found, documents["id"], payload["place"]).write_parquet(out / "found.parquet")
        return {"found": len(found.doc)}

    yield work


def _gather(texts: pl.Series) -> Callable[[list[int]], pl.Series]:
    return lambda rows: texts.gather(rows)
