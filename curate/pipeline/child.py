"""`curate decide`: other rules over stored measures, as a child run; nothing is read or extracted again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate.ask.finished import FinishedRun
from curate.pipeline import decide, finish
from curate.pipeline.finish import UnitTables
from curate.pipeline.rollups import Funnel, funnel
from curate.recipe import Settings
from curate.rules import load_profile, override
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.files import write_text
from workbench.recipes import parse_set
from workbench.runs import Run
from workbench.yamltree import dump

KIND = "curate.decide"
_CHUNK = 50_000


@dataclass
class Child:
    """The child run, its funnel and its parent's."""

    run: Run
    funnel: Funnel
    parent: Funnel
    never_fired: list[str]


def changed_settings(parent: Settings, profile: str | None, sets: Sequence[str]) -> tuple[Settings, list[str]]:
    """The parent's settings with another profile or thresholds, and the rules that were set.

    Raises UserError for a key that is no rule, and for a profile whose rules read another text version or whose edits
    differ: those answers need a run.
    """
    rules = parent.profile if profile is None else load_profile(profile)
    values = {}
    for argument in sets:
        path, value = parse_set(argument)
        values[".".join(path)] = value
    settings = parent.model_copy(
        update={"profile": override(rules, values, {name: f"--set {name}={value}" for name, value in values.items()})}
    )
    if settings.text_versions() != parent.text_versions():
        raise UserError(
            f"profile {rules.name} reads {' and '.join(filter(None, settings.text_versions()))}, "
            f"the run measured {' and '.join(filter(None, parent.text_versions()))}",
            hint=f"this needs a run: curate run --profile {rules.name} ...",
        )
    return settings, list(values)


def decide_again(
    parent: FinishedRun,
    profile: str | None,
    sets: Sequence[str],
    *,
    out: Path | None,
    root: Path,
    force: bool,
    listener: Listener,
    attach: Callable[[Path], None],
) -> Child:
    """Writes the child run. Raises UserError (exit 4) when a rescued document's text was not stored."""
    began = time.monotonic()
    settings, _ = changed_settings(parent.settings, profile, sets)
    manifest = parent.run.manifest
    assert manifest is not None
    recipe = dump({"parent": parent.run.id, "profile": settings.profile.model_dump(mode="json")})
    run = Run.create(out, KIND, recipe, root=root, parents=[parent.run], force=force)
    order = decide.steps(settings.profile)
    before = funnel(parent.scan("rollups").collect(), decide.steps(parent.profile))
    with run:
        attach(run.path)
        if run.is_finished:
            rollup = pl.read_parquet(sorted((run.path / "rollups").glob("*.parquet")))
            return Child(run, funnel(rollup, order), before, [])
        run.emit(Event("info", "decide", "rules over stored measures"))
        write_text(run.path / "settings.json", settings.model_dump_json(indent=1) + "\n")
        done = finish.write_run(
            run.path,
            lambda: _slices(parent, settings, listener),
            dropped_text_bytes=0,  # what the parent stored, the child can store
            dropped_cap_bytes=1,
            seed=settings.seed,
            shard_rows=100_000,
        )
        levels = funnel(done.rollup, order)
        if levels.total != manifest.counts["records"]:
            raise AssertionError(f"the parent has {manifest.counts['records']} records, {levels.total} were decided")
        run.finish(
            counts={
                "records": levels.total,
                "documents": levels.kept,
                "dropped": levels.dropped,
                "failed": levels.failed,
                "tokens_kept": levels.tokens_kept,
            },
            timings={"total": round(time.monotonic() - began, 3)},
            inputs=manifest.inputs,
            written=done.files,
        )
        return Child(run, levels, before, done.never_fired(settings.profile))


def _slices(parent: FinishedRun, settings: Settings, listener: Listener) -> Iterator[UnitTables]:
    """The parent's tables, a bounded number of records at a time, with the states that the new rules give."""
    total = parent.scan("decisions").select(pl.len()).collect().item()
    for begin in range(0, total, _CHUNK):
        rows = parent.scan("decisions").slice(begin, _CHUNK).collect()
        own = rows["rule"].ne_missing(decide.SAME_RECORD)
        ids = rows.filter(own).lazy().select("id")
        order = ids.with_row_index("position")
        measures = parent.scan("measures").join(order, on="id").sort("position").drop("position").collect()
        measured = pl.col("id").is_in(measures["id"].implode()) & pl.lit(own)
        fixed = rows.with_columns(
            *(pl.when(~measured).then(pl.col(name)).alias(name) for name in ("state", "step", "rule", "value")),
            fails=pl.when(measured).then(pl.lit([], pl.List(pl.String))).otherwise(pl.col("fails")),
        )
        decisions = decide.settle(fixed, measures, settings.profile)
        states = decisions.filter(own).select("id", "state").lazy()
        stored = pl.concat([parent.scan("documents"), parent.scan("dropped")])
        texts = stored.join(states, on="id").join(order, on="id").sort("position").drop("position").collect()
        rescued = decisions.filter(pl.col("state") == "kept").height - texts.filter(pl.col("state") == "kept").height
        if rescued:
            raise UserError(
                f"{rescued} documents would be kept, but their text was not stored (output.dropped_gb was reached)",
                hint="run again with a larger --set output.dropped_gb=",
                code=Exit.INPUT,
            )
        edits = parent.scan("edits").join(ids, on="id", how="semi").collect()
        listener(Event("progress", "decide", "deciding", fraction=min(1.0, (begin + _CHUNK) / max(total, 1))))
        yield UnitTables(decisions, measures, texts, edits)
