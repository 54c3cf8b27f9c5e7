"""Benchmark items in the documents of a run: weighed by the documents that are kept, looked for in all judged texts.

The first look at the texts was part of the first map. How common an n-gram is, the documents say that the rules and
the search for duplicates have kept, as for `curate decontaminate` on the run; then every judged text is looked at, so
that `decide` knows what a document holds which other thresholds keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

from curate.contamination import tables
from curate.contamination.cut import LEAST_LEFT, cuts
from curate.contamination.match import Matcher
from curate.contamination.match_scan import Seen
from curate.contamination.settings import Decontaminate
from curate.contamination.sought import Sought
from curate.contamination.tables import FOUND, found_rows
from curate.pipeline.decide import CONTAMINATION_STEP, contaminated
from curate.pipeline.late import Late, Places
from curate.pipeline.maps import SEEN
from curate.pipeline.schemas import UNIT_EDITS
from workbench.errors import Exit, UserError
from workbench.events import Listener
from workbench.executor import run_units
from workbench.units import Outcome, Report, Unit, Work, fingerprint

STEP = "curate.pipeline.contaminated:hits_step"
_VERSION = 1
_TEXTS = 2048  # looked at together
_HELD = ["row", "position", "id", "chars", "bytes", "passed"]


@dataclass
class _Standing:
    """Which texts of each unit were judged, and which of them are kept so far; by row among the unit's texts."""

    judged: list[NDArray[np.bool_]]
    kept: list[NDArray[np.bool_]]

    @classmethod
    def of(cls, after: Late, places: Places) -> _Standing:
        found = cls([], [])
        for unit, count in enumerate(places.texts):
            rows = _texts(places.decided[unit])
            for masks, chosen in ((found.judged, rows), (found.kept, after.kept(unit, rows))):
                mask = np.zeros(count, np.bool_)
                mask[chosen["row"].to_numpy()] = True
                masks.append(mask)
        return found


def _texts(decided: Path) -> pl.DataFrame:
    return pl.read_parquet(decided / "texts.parquet", columns=_HELD, glob=False)


def look(
    after: Late,
    places: Places,
    batches: Sequence[Sequence[Sequence[int]]],
    sought: Sought,
    config: Decontaminate,
    *,
    directory: Path,
    jobs: int,
    on_event: Listener,
) -> list[str]:
    """Adds to `after` the tables of what was found, and what is dropped or cut for it.

    The matcher lies in `directory`, as the first map used it. Returns sentences about suites of which a larger share
    was found than the limit.
    """
    standing = _Standing.of(after, places)
    matcher = sought.matcher
    counts = np.zeros(matcher.index.gram_count, dtype=np.int64)
    for measured, kept in zip(places.measured, standing.kept, strict=True):
        counts += matcher.count(Seen.load(measured / SEEN).of(kept))
    np.save(directory / "counts.npy", counts)
    documents = sum(int(kept.sum()) for kept in standing.kept)
    found = _search(places, batches, counts, documents, directory, jobs, on_event)
    weights = matcher.weigh(counts, documents)
    kept_found = found.filter(pl.Series(np.concatenate([np.empty(0, np.bool_), *standing.kept]))[found["place"]])
    rows = tables.contamination(found, sought.parts, sought.items, matcher)
    by_item = tables.by_item(kept_found, sought.parts, sought.items, matcher, weights)
    suites = tables.by_suite(by_item)
    after.tables |= {"contamination": rows, "items": by_item, "suites": suites}
    hits = rows.join(kept_found.select("id").unique(), on="id", how="semi", maintain_order="left")
    after.counts |= tables.counts(hits, by_item)
    _remove(after, places, hits, sought, config)
    return [] if config.drops else tables.over_limit(suites, config.limit)


def _search(
    places: Places,
    batches: Sequence[Sequence[Sequence[int]]],
    counts: NDArray[np.int64],
    documents: int,
    directory: Path,
    jobs: int,
    on_event: Listener,
) -> pl.DataFrame:
    """FOUND rows of all judged texts, in their order."""
    shared = fingerprint(counts=xxhash.xxh3_128_hexdigest(counts.tobytes()), documents=documents, version=_VERSION)
    units, place = [], 0
    for number, (measured, decided) in enumerate(zip(places.measured, places.decided, strict=True)):
        sizes = [batch[:2] for batch in batches[number]]
        payload = {"measured": str(measured), "decided": str(decided), "batches": sizes, "place": place}
        name = fingerprint(shared=shared, unit=measured.name, decided=decided.name, place=place)
        units.append(Unit(name, payload))
        place += places.texts[number]
    done = run_units(
        STEP,
        units,
        directory=directory / "hits",
        step=CONTAMINATION_STEP,
        jobs=jobs,
        setup={"directory": str(directory), "documents": documents},
        on_event=on_event,
    )
    return pl.concat([pl.DataFrame(schema=FOUND), *(_found(unit) for unit in done)])


def _found(unit: Outcome) -> pl.DataFrame:
    if unit.failed:
        message = f"texts could not be compared with benchmark items: {unit.error}"
        raise UserError(message, hint="run it again: what is finished stays", code=Exit.PARTIAL)
    return pl.read_parquet(unit.directory / "found.parquet", glob=False)


@contextmanager
def hits_step(setup: dict[str, Any]) -> Iterator[Work]:
    """The second look at the judged texts of a unit, of which it reads those that may hold an item."""
    directory = Path(setup["directory"])
    matcher = Matcher.load(directory)
    weights = matcher.weigh(np.load(directory / "counts.npy"), setup["documents"])

    def work(payload: dict[str, Any], out: Path, report: Report) -> dict[str, Any]:
        records = Path(payload["measured"]) / "records.parquet"
        texts = _texts(Path(payload["decided"]))
        every = Seen.load(Path(payload["measured"]) / SEEN)
        judged = np.zeros(every.docs, np.bool_)
        judged[texts["row"].to_numpy()] = True
        every = every.of(judged)
        rows = pl.DataFrame({"row": np.arange(every.docs)})
        ids = rows.join(texts, on="row", how="left", maintain_order="left")["id"]
        parts = [pl.DataFrame(schema=FOUND)]
        for begin, record, taken in _groups(payload["batches"]):
            end = begin + sum(count for _, count in taken)
            gather = partial(_gathered, records, record, sum(count for count, _ in taken))
            hits = matcher.hits(every.slice(begin, end), weights, gather)
            parts.append(found_rows(hits, ids.slice(begin, end - begin), payload["place"] + begin))
            report(end / max(every.docs, 1), documents=end)
        found = pl.concat(parts)
        found.write_parquet(out / "found.parquet")
        return {"found": found.height}

    yield work


def _groups(batches: Sequence[Sequence[int]]) -> Iterator[tuple[int, int, list[Sequence[int]]]]:
    """Batches (records, texts) in groups of few texts: the first text, the first record, and the batches."""
    group: list[Sequence[int]] = []
    text = record = 0
    for batch in batches:
        group.append(batch)
        if sum(count for _, count in group) >= _TEXTS:
            yield text, record, group
            record, text = record + sum(count for count, _ in group), text + sum(count for _, count in group)
            group = []
    if group:
        yield text, record, group


def _gathered(records: Path, begin: int, count: int, rows: list[int]) -> pl.Series:
    texts = pl.scan_parquet(records, glob=False).select("text").slice(begin, count).collect()["text"]
    return texts.drop_nulls().gather(rows)


def _remove(after: Late, places: Places, hits: pl.DataFrame, sought: Sought, config: Decontaminate) -> None:
    """Drops what holds an item, or cuts the item out of it; `hits` are CONTAMINATION rows of kept documents."""
    if not config.drops or hits.is_empty():
        return
    parts = [
        _texts(decided).join(hits, on="id", how="semi", maintain_order="left").with_columns(unit=pl.lit(unit, pl.Int64))
        for unit, decided in enumerate(places.decided)
    ]
    held = pl.concat(parts)
    if config.remove == "span":
        short = [_cut(after, places, unit, rows, hits, sought.variant.margin) for unit, rows in enumerate(parts)]
        hits = hits.join(pl.concat(short), on="id", how="semi")
    gone = contaminated(hits, config.rule).join(held.select("id", "unit", "position", "bytes"), on="id")
    after.dropped_bytes += int(gone["bytes"].sum())
    after.counts["contamination_dropped"] = gone.height
    after.drop(gone)


def _cut(after: Late, places: Places, unit: int, rows: pl.DataFrame, hits: pl.DataFrame, margin: int) -> pl.DataFrame:
    """Adds the cuts of one unit; the documents of which too little is left, which are not cut."""
    if rows.is_empty():
        return rows.select("id")
    measured = places.measured[unit]
    edits = pl.scan_parquet(measured / "edits.parquet", glob=False)
    edits = edits.filter(pl.col("position").is_in(rows["position"].implode())).select(UNIT_EDITS.keys())
    of_unit = hits.join(rows.select("id", "position"), on="id").select("position", "start", "end", "suite")
    wanted = cuts(of_unit, rows, edits.collect(), margin)
    sizes = wanted.group_by("position").agg(gone=(pl.col("end") - pl.col("start")).sum())
    left = rows.join(sizes, on="position").with_columns(left=pl.col("chars") - pl.col("gone"))
    short = left.filter(pl.col("left") < LEAST_LEFT)
    after.cuts[unit] = wanted.join(short, on="position", how="anti", maintain_order="left")
    return short.select("id")
