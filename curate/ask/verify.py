"""Is a run what it says: every file by its hash, and no record lost or counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from curate.ask.finished import FinishedRun
from curate.pipeline.decide import CONTAMINATION_STEP, DUPLICATES_STEP, SAME_RECORD
from curate.pipeline.rollups import funnel
from workbench.errors import UserError
from workbench.manifest import verify as differences

# Runs that decide about every record: without a table of decisions they are damaged.
_DECIDING = ("curate.run", "curate.decide")


class Check(NamedTuple):
    """One statement about the run, whether it holds, and what was found."""

    name: str
    ok: bool
    found: str


def verify(run: FinishedRun) -> list[Check]:
    """All checks; a failed one names the file or the numbers that disagree."""
    manifest = run.run.manifest
    assert manifest is not None
    wrong = differences(run.path, manifest)
    files = Check("files are what the manifest says", not wrong, "; ".join(wrong) or f"{len(manifest.outputs)} files")
    if not any(entry.path.startswith("decisions/") for entry in manifest.outputs) and manifest.kind not in _DECIDING:
        return [files]  # a mixture, a report: it decides about no record
    try:
        return [files, *_conservation(run)]
    except (UserError, pl.exceptions.PolarsError, OSError) as error:
        return [files, Check("tables can be read", False, str(error).splitlines()[0])]


def _conservation(run: FinishedRun) -> Iterator[Check]:
    manifest = run.run.manifest
    assert manifest is not None
    decisions = run.scan("decisions")
    states = dict(decisions.group_by("state").agg(pl.len()).collect().iter_rows())
    total, expected = sum(states.values()), manifest.counts.get("records")
    yield Check(
        "in = kept + dropped + failed",
        total == expected and set(states) <= {"kept", "dropped", "failed"},
        f"{expected} in; " + ", ".join(f"{states.get(state, 0)} {state}" for state in ("kept", "dropped", "failed")),
    )
    try:
        levels = funnel(run.scan("rollups").collect(), run.steps)
        same = (levels.kept, levels.dropped, levels.failed) == tuple(
            states.get(s, 0) for s in ("kept", "dropped", "failed")
        )
        yield Check("the funnel adds up at every step", same, f"{len(levels.levels)} steps")
    except ValueError as error:
        yield Check("the funnel adds up at every step", False, str(error))
    own = decisions.filter(pl.col("rule").ne_missing(SAME_RECORD))
    repeated = _rows(own.group_by("id").agg(pl.len()).filter(pl.col("len") > 1))
    yield Check("each id is decided once", repeated == 0, f"{repeated} ids twice")
    if run.settings.duplicates.drops:
        yield _duplicates(run, own)
    documents, dropped, measures = (run.scan(name).select("id") for name in ("documents", "dropped", "measures"))
    kept = own.filter(pl.col("state") == "kept").select(decided="id")
    sizes = _rows(documents), _rows(kept)
    # Side by side only where that can be: polars refuses tables of unequal height.
    moved = pl.concat([documents, kept], how="horizontal").filter(pl.col("id").ne_missing(pl.col("decided")))
    same = sizes[0] == sizes[1] and _rows(moved) == 0
    yield Check(
        "the kept texts are the kept decisions, in order", same, f"{sizes[0]} documents, {sizes[1]} kept decisions"
    )
    both = _rows(documents.join(dropped, on="id", how="semi"))
    yield Check("no text is both kept and dropped", both == 0, f"{both} ids in both")
    lost = _rows(pl.concat([documents, dropped]).join(measures, on="id", how="anti"))
    yield Check("every text has its measures", lost == 0, f"{_rows(measures)} measured, {lost} without")


def _duplicates(run: FinishedRun, own: pl.LazyFrame) -> Check:
    """Every duplicate names a document that is kept, here or in the index, and every drop has its row.

    A benchmark's text goes with all its copies: they need not stand for a kept document.
    """
    table = run.scan("duplicates")
    gone = own.filter(pl.col("step") == DUPLICATES_STEP, pl.col("partner").is_not_null()).select("id", "partner")
    missing = _rows(gone.join(table, left_on=["id", "partner"], right_on=["dropped_id", "kept_id"], how="anti"))
    lost = _rows(
        table.join(
            own.filter(pl.col("state") != "kept", pl.col("step") != CONTAMINATION_STEP),
            left_on="kept_id",
            right_on="id",
            how="semi",
        )
    )
    return Check(
        "every duplicate stands for a kept document",
        not missing and not lost and _rows(table) == _rows(gone),
        f"{_rows(table)} duplicates, {missing} without a row, {lost} of a document that is not kept",
    )


def _rows(frame: pl.LazyFrame) -> int:
    """How many rows there are, a piece at a time: the ids of a large run do not fit into memory."""
    return int(frame.select(pl.len()).collect(engine="streaming").item())
