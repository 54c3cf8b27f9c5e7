"""A plan as a child run: the documents with their copies, the accounts of the groups, and a picture; no text."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.ask.finished import FinishedRun
from curate.mix import sample
from curate.mix.plan import Plan
from workbench import html, plots
from workbench.events import Event
from workbench.files import Written, write_text
from workbench.manifest import Input, digest
from workbench.runs import Run
from workbench.tables import ShardWriter
from workbench.yamltree import dump

KIND = "curate.mix"
_BARS = 20


@dataclass
class Mixed:
    """The child run; `was_done` where the same mix of the same parent stood there before."""

    run: Run
    was_done: bool


def counts(plan: Plan) -> dict[str, int]:
    """Totals over all phases, as the manifest states them."""
    accounts = plan.accounts
    names = ("documents_taken", "copies", "tokens_taken")
    per_phase = {f"tokens_{phase.name}": int(phase.groups["tokens_taken"].sum()) for phase in plan.phases}
    distinct = int((np.sum([phase.copies for phase in plan.phases], axis=0) > 0).sum())
    totals = {name: int(accounts[name].sum()) for name in names[1:]}
    return {"documents": distinct, **totals, "most_copies": plan.most_copies, **per_phase}


def write(
    parent: FinishedRun,
    plan: Plan,
    inputs: list[Input],
    *,
    out: Path | None,
    root: Path,
    force: bool,
    attach: Callable[[Path], None],
) -> Mixed:
    """Writes the run. The recipe that names it holds the parent by its manifest, the resolved mix and all inputs."""
    began = time.monotonic()
    origin = {"parent": parent.run.id, "manifest": digest(parent.path)}
    recipe = plan.documents.file.recipe.model_dump(mode="json")
    read = [one.model_dump(mode="json") for one in inputs]
    run = Run.create(
        out, KIND, dump({**origin, "mix": recipe, "inputs": read}), root=root, parents=[parent.run], force=force
    )
    with run:
        attach(run.path)
        if run.is_finished:
            return Mixed(run, True)
        run.emit(Event("info", "mix", "sampling by keyed hash"))
        written = [
            *_table(run.path / "mixture", mixture(plan)),
            *_table(run.path / "sample", in_reading_order(plan)),
            *_table(run.path / "groups", plan.accounts),
        ]
        write_text(run.path / "mix.svg", picture(plan))
        run.finish(
            counts=counts(plan),
            timings={"total": round(time.monotonic() - began, 3)},
            inputs=inputs,
            written=written,
        )
    return Mixed(run, False)


def mixture(plan: Plan) -> pl.DataFrame:
    """Every document that is taken, by phase and in the parent's order: id, copies, phase, its groups and weight."""
    frames = []
    for phase in plan.phases:
        rows = np.flatnonzero(phase.copies)
        groups = phase.groups.select("group", *phase.keys, "weight")[phase.member[rows]]
        chosen = plan.documents.frame.select("id", "tokens")[rows]
        here = chosen.with_columns(copies=pl.Series(phase.copies[rows]), phase=pl.lit(phase.name))
        frames.append(here.select("id", "copies", "phase", "tokens").hstack(groups))
    return pl.concat(frames, how="diagonal")


def in_reading_order(plan: Plan) -> pl.DataFrame:
    """The same documents as a trainer reads them: phase after phase, in each by another keyed hash of the id."""
    seed = plan.documents.file.recipe.seed
    frames = []
    for phase in plan.phases:
        rows = np.flatnonzero(phase.copies)
        chosen = plan.documents.frame.select("id", "tokens")[rows]
        here = chosen.with_columns(
            copies=pl.Series(phase.copies[rows]),
            phase=pl.lit(phase.name),
            place=pl.Series(sample.hashes(chosen["id"], seed, f"order:{phase.name}"), dtype=pl.UInt64),
        )
        frames.append(here.sort("place", "id").select("id", "copies", "phase", "tokens"))
    return pl.concat(frames)


def picture(plan: Plan) -> str:
    """Bars of the tokens that are there and those that are read, for the largest groups of each phase."""
    items: list[tuple[str, float]] = []
    for phase in plan.phases:
        ranked = phase.groups.with_columns(most=pl.max_horizontal("tokens_available", "tokens_taken"))
        ranked = ranked.sort("most", "group", descending=[True, False])
        shown, others = ranked.head(_BARS), ranked.slice(_BARS)
        rows: list[tuple[Any, ...]] = shown.select("group", "tokens_available", "tokens_taken").rows()
        if others.height:
            rows.append((f"{others.height} others", *others.select("tokens_available", "tokens_taken").sum().row(0)))
        prefix = f"{phase.name}: " if len(plan.phases) > 1 else ""
        for name, available, taken in rows:
            items += [(f"{prefix}{name}", int(available)), ("mixed", int(taken))]
    drawn = plots.bars(items, "tokens there and mixed, by group")
    return drawn.replace(">", f">{html.style()}", 1) + "\n"  # a picture of its own needs the colours in it


def _table(directory: Path, frame: pl.DataFrame) -> list[Written]:
    with ShardWriter(directory, frame.clear().to_arrow().schema) as writer:
        writer.append(frame)
    return [file._replace(path=f"{directory.name}/{file.path}") for file in writer.written]
