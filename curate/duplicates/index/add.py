"""`curate index add`: the documents of a finished run join the index, compared with all that is there.

Documents of earlier runs stay what they are, and their segments are not touched.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from curate.ask.finished import FinishedRun
from curate.duplicates.banding import banding
from curate.duplicates.config import Duplicates
from curate.duplicates.index.collect import STEP, sign_units, wanted
from curate.duplicates.index.neighbours import neighbours
from curate.duplicates.index.schemas import DOCUMENTS, DUPLICATE, PAIRS, STATE, SURVIVOR
from curate.duplicates.index.segment import publish
from curate.duplicates.index.settings import of_index, of_run, require_same
from curate.duplicates.index.settle import settle
from curate.duplicates.index.state import DOCUMENTS as DOCUMENTS_FILE
from curate.duplicates.index.state import SEGMENTS, AddedRun, Segment, State, Writer
from curate.duplicates.order import columns_needed, ranks
from curate.duplicates.store import read_summary
from curate.duplicates.types import SignedUnit
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener, now
from workbench.executor import run_units
from workbench.manifest import digest
from workbench.units import Unit

KINDS = ("curate.run", "curate.decide")


class Added(NamedTuple):
    """What became of a run's documents; `done` says that it had been added before."""

    run: AddedRun
    survivors: int
    by_method: dict[str, int]
    done: bool


def add(
    writer: Writer,
    run: FinishedRun,
    *,
    memory_bytes: int,
    jobs: int,
    on_event: Listener = lambda event: None,
) -> Added:
    """Adds one run, whole or not at all; it is in when this returns.

    Raises UserError (exit 2) where the run compared its documents by other settings than the index does.
    """
    _require_documents(run)
    index = writer.index
    asked = of_run(run)
    settings = of_index(asked) if index is None else index.settings
    require_same(writer.path, settings, asked, str(run.path))
    state = State(settings=settings) if index is None else index.state
    name = digest(run.path)
    before = next((one for one in state.runs if one.digest == name), None)
    if before is not None:
        return Added(before, 0, {}, True)
    number = len(state.runs)
    staging = writer.staging
    staging.mkdir()
    on_event(Event("info", "index", f"documents of {run.path} that are to be added"))
    found = list(wanted(run, index))
    parts = [part for part in found if len(part.rows)]
    signed = _sign(run, settings, sign_units(run, parts, staging, number), staging, jobs, on_event)
    tables = [unit / DOCUMENTS_FILE for unit in signed]
    sizes = [read_summary(unit).docs for unit in signed]
    pairs = pl.DataFrame(schema=PAIRS)
    settled = pl.DataFrame(schema={"id": pl.String, **{name: kind for name, kind in STATE.items() if name != "state"}})
    if signed:
        none = np.empty(0, np.uint32)
        near = settings.near
        like = neighbours(
            index,
            [SignedUnit(unit, size, none) for unit, size in zip(signed, sizes, strict=True)],
            near=(banding(near).bands if near.enabled else 0, near.threshold, near.containment),
            directory=staging / "search",
            memory_bytes=memory_bytes,
            jobs=jobs,
            on_event=on_event,
        )
        pairs = like.pairs
        members = like.members.join(_ranked(run, tables, sizes, like.members["doc"], settings), on="doc")
        settled = settle(members, like.survivors, pairs, settings)
    on_event(Event("info", "index", f"{settled.height:,} of them have a copy that stays"))
    segments: list[Segment] = []
    for at, unit in enumerate(signed):
        table = _with_measures(run, pl.read_parquet(unit / DOCUMENTS_FILE, glob=False), settings)
        segments.append(
            publish(
                writer.path / SEGMENTS / f"{number:05d}-{at:05d}-{state.generation + 1}",
                unit,
                with_state(table, settled),
                pairs if at == 0 else pairs.clear(),
                batch=number,
                run=number,
            )
        )
    entry = AddedRun(
        id=run.run.id,
        path=Path(os.path.relpath(run.path.resolve(), writer.path.resolve())).as_posix(),
        digest=name,
        added=now(),
        documents=sum(sizes),
        known=sum(part.known for part in found),
        deleted=sum(part.deleted for part in found),
        duplicates=settled.height,
    )
    writer.commit(
        state.model_copy(update={"runs": [*state.runs, entry], "segments": [*state.segments, *segments]}),
    )
    methods = dict(settled.group_by("method").len().sort("method").iter_rows())
    return Added(entry, entry.documents - settled.height, methods, False)


def _require_documents(run: FinishedRun) -> None:
    """Refuses runs that are made of another run's documents, perhaps more than once: a mix, for example."""
    kind = run.run.started.kind
    if kind not in KINDS:
        raise UserError(f"{run.path} is a {kind} run", hint="add the run that it was made from", code=Exit.INPUT)


def with_state(documents: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """The documents with the columns of STATE, from rows of PARTNERS for those that are duplicates."""
    joined = documents.drop(*STATE, strict=False).join(settled, on="id", how="left", maintain_order="left")
    state = pl.when(pl.col("kept_id").is_null()).then(pl.lit(SURVIVOR)).otherwise(pl.lit(DUPLICATE))
    return joined.with_columns(state=state).select(*DOCUMENTS, pl.exclude(*DOCUMENTS))


def _sign(
    run: FinishedRun, settings: Duplicates, units: Sequence[Unit], staging: Path, jobs: int, on_event: Listener
) -> list[Path]:
    """The directories of the signed units."""
    assert run.run.manifest is not None
    edits = [str(run.path / file.path) for file in run.run.manifest.outputs if file.path.startswith("edits/")]
    done = run_units(
        STEP,
        units,
        directory=staging / "sign",
        step="sign",
        jobs=jobs,
        setup={
            "settings": settings.model_dump(mode="json"),
            "run": str(run.path.resolve()),
            "edits": edits,
            "passages": of_run(run).passages,
        },
        on_event=on_event,
    )
    for one in done:
        if one.failed:
            raise UserError(
                f"{one.unit.payload['shard']} of {run.path} cannot be signed: {one.error}",
                hint=f"see curate verify {run.path}",
                code=Exit.INPUT,
            )
    return [one.directory for one in done]


def _with_measures(run: FinishedRun, table: pl.DataFrame, settings: Duplicates) -> pl.DataFrame:
    """The documents with the measures by which the order of survivors goes; null where the run has not taken them."""
    names = columns_needed(settings.survivor)
    if not names:
        return table
    measures = run.scan("measures")
    there = [name for name in names if name in measures.collect_schema().names()]
    values = (
        measures.select("id", pl.col(there).cast(pl.Float64))
        .join(table.lazy().select("id"), on="id", how="semi")
        .collect()
    )
    joined = table.join(values.unique("id"), on="id", how="left", maintain_order="left")
    return joined.select(
        *table.columns, *(pl.col(name) if name in there else pl.lit(None, pl.Float64).alias(name) for name in names)
    )


def _ranked(
    run: FinishedRun, tables: Sequence[Path], sizes: Sequence[int], docs: pl.Series, settings: Duplicates
) -> pl.DataFrame:
    """`doc`, `id` and `rank` of these of the new documents, numbered through the tables: those that the run kept come
    first."""
    parts = []
    begin = 0
    for path, size in zip(tables, sizes, strict=True):
        here = docs.filter(docs.is_between(begin, begin + size, closed="left")) - begin
        row = pl.col("row").cast(pl.Int64)
        table = pl.scan_parquet(path, glob=False).filter(row.is_in(here.implode())).with_columns(doc=row + begin)
        parts.append(_with_measures(run, table.collect(), settings))
        begin += size
    return ranked(pl.concat(parts), ["removed_by_run"], settings).select("doc", "id", "rank")


def ranked(table: pl.DataFrame, before: Sequence[str], settings: Duplicates) -> pl.DataFrame:
    """The documents with their `rank`: by the columns `before`, then in the declared order."""
    order = table.with_columns(rank=ranks(table, settings.survivor, settings.sources))
    return order.sort(*before, "rank").with_columns(rank=pl.int_range(table.height, dtype=pl.Int64))
