"""What every check leaves behind: a run with a summary and tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.envelope import jsonable
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.executor import run_units
from workbench.files import remove, write_text
from workbench.manifest import Input
from workbench.runs import Run
from workbench.tables import ShardWriter
from workbench.units import Outcome, Unit
from workbench.yamltree import dump

if TYPE_CHECKING:
    import polars as pl

SUMMARY, SCRATCH = "summary.json", "units"


@dataclass(frozen=True)
class Where:
    """Where a run is written, and who hears of it."""

    root: Path
    out: Path | None = None
    resume: bool = True
    force: bool = False
    attach: Callable[[Path], None] = lambda path: None
    listener: Listener = lambda event: None


@dataclass(frozen=True)
class Found:
    """What a check found: its summary, its tables by name, and what the manifest counts."""

    summary: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


def record(
    kind: str,
    recipe: Mapping[str, Any],
    where: Where,
    find: Callable[[Path, Listener], Found],
    *,
    parents: Sequence[Run] = (),
    inputs: Sequence[Input] = (),
) -> tuple[Run, dict[str, Any]]:
    """The finished run and its summary; `find` gets the directory of units, which a broken-off run goes on from."""
    run = Run.create(
        where.out, kind, dump(dict(recipe)), root=where.root, parents=parents, inputs=list(inputs),
        resume=where.resume, force=where.force,
    )  # fmt: skip
    with run:
        if not run.is_finished:
            where.attach(run.path)

            def tell(event: Event) -> None:
                where.listener(event)
                run.emit(event)

            found = find(run.path / SCRATCH, tell)
            written = []
            for name, frame in found.tables.items():
                with ShardWriter(run.path / name, frame.clear().to_arrow().schema) as writer:
                    writer.append(frame)
                written += [file._replace(path=f"{name}/{file.path}") for file in writer.written]
            summary = {"schema": f"{kind}/1", **found.summary}
            write_text(run.path / SUMMARY, json.dumps(jsonable(summary), indent=1, allow_nan=False) + "\n")
            run.finish(counts=dict(found.counts), inputs=list(inputs), written=written)
        remove(run.path / SCRATCH)
    stored: dict[str, Any] = json.loads((run.path / SUMMARY).read_bytes())
    return run, stored


def units(function: str, wanted: Sequence[Unit], scratch: Path, setup: dict[str, Any], tell: Listener) -> list[Outcome]:
    """All units done, in this process. UserError (exit 3) where one failed after all retries."""
    step = function.rpartition(":")[2]
    outcomes = run_units(function, wanted, directory=scratch / step, step=step, setup=setup, on_event=tell)
    failed = [outcome.error for outcome in outcomes if outcome.failed]
    if failed:
        message = f"{len(failed):,} of {len(wanted):,} units failed; the first: {failed[0]}"
        raise UserError(message, hint="the same command goes on from what is done", code=Exit.PARTIAL)
    return outcomes
