"""`curate decide`: other rules over stored measures, as a child run; nothing is read or extracted again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl
from pydantic import Field

from curate.ask import again
from curate.ask.finished import FinishedRun
from curate.contamination import tables
from curate.contamination.settings import Decontaminate
from curate.duplicates.changes import needs_run
from curate.duplicates.config import Duplicates
from curate.duplicates.order import require_order
from curate.pipeline import decide, finish, late
from curate.pipeline.finish import UnitTables
from curate.pipeline.parts import slice_bounds
from curate.pipeline.rollups import Funnel, funnel
from curate.recipe import Settings
from curate.rules import load_profile, override, require
from workbench import recipes
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.files import write_text
from workbench.manifest import digest
from workbench.recipes import Section, parse_set
from workbench.runs import Run
from workbench.tables import parquet_files
from workbench.yamltree import dump

KIND = "curate.decide"


@dataclass
class Child:
    """The child run, its funnel and its parent's."""

    run: Run
    funnel: Funnel
    parent: Funnel
    never_fired: list[str]
    gates: list[str]
    tokenizer: str | None = None


def changed_settings(
    parent: Settings, columns: Sequence[str], profile: str | None, sets: Sequence[str]
) -> tuple[Settings, list[str]]:
    """The parent's settings with another profile or thresholds, and the rules that were set.

    `columns` are the parent's measures. Raises UserError for a key that is no rule, and for a profile whose rules read
    another text version or measure, or whose edits differ from the parent's: those answers need a run.
    """
    if parent.duplicates.passages:
        message = "the run cut passages that its kept documents share: who is kept decides what is cut"
        raise UserError(message, hint="this needs a run: curate run ...")
    if parent.decontaminate.remove == "span":
        message = "the run cut benchmark items out of the documents that it kept"
        raise UserError(message, hint="this needs a run: curate run ...")
    rules = parent.profile if profile is None else load_profile(profile)
    values = {}
    for argument in sets:
        path, value = parse_set(argument)
        if path[0] not in ("duplicates", "decontaminate"):
            values[".".join(path)] = value
    settings = parent.model_copy(
        update={
            "profile": override(rules, values, {name: f"--set {name}={value}" for name, value in values.items()}),
            "duplicates": _other_duplicates(parent, sets),
            "decontaminate": _other_removal(parent, sets),
        }
    )
    main, other = settings.text_versions()
    measured_main, measured_other = parent.text_versions()
    needs = f"this needs a run: curate run --profile {rules.name} ..."
    if main != measured_main or other not in (None, measured_other):
        wanted, there = (
            " and ".join(filter(None, versions)) for versions in ((main, other), (measured_main, measured_other))
        )
        raise UserError(f"profile {rules.name} reads {wanted}, the run measured {there}", hint=needs)
    if profile is not None and rules.edits != parent.profile.edits:
        raise UserError(f"profile {rules.name} edits other things than the run did", hint=needs)
    require(settings.profile, columns)
    require_order(settings.duplicates.survivor, columns)
    return settings, list(values)


class _Search(Section):
    duplicates: Duplicates = Field(default_factory=Duplicates)
    decontaminate: Decontaminate = Field(default_factory=Decontaminate)


def _other_duplicates(parent: Settings, sets: Sequence[str]) -> Duplicates:
    """The parent's settings with what `--set duplicates...` changes; raises UserError for what needs a run."""
    wanted = _other("duplicates", parent, sets).duplicates
    why = needs_run(parent.duplicates, wanted)
    if why is not None:
        raise UserError(f"stored groups and pairs do not tell: {why}", hint="this needs a run: curate run ...")
    return wanted


def _other_removal(parent: Settings, sets: Sequence[str]) -> Decontaminate:
    """The parent's settings with what `--set decontaminate...` changes: whether documents are dropped, and the gate."""
    stored = parent.decontaminate
    wanted = _other("decontaminate", parent, sets).decontaminate
    if wanted.model_copy(update={"remove": stored.remove, "limit": stored.limit}) != stored:
        message = "the run looked for other benchmark items, or by another rule"
        raise UserError(message, hint="look again: curate decontaminate RUN --against PATH")
    if wanted.remove == "span":
        message = "spans are not cut by what is stored of a run"
        raise UserError(message, hint="curate decontaminate RUN --against PATH --remove span")
    return wanted


def _other(section: str, parent: Settings, sets: Sequence[str]) -> _Search:
    layers = [recipes.from_values({section: getattr(parent, section).model_dump(mode="json")}, "the run")]
    layers += [recipes.from_set(argument) for argument in sets if parse_set(argument)[0][0] == section]
    return recipes.resolve(_Search, layers).recipe


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
    columns = parent.scan("measures").collect_schema().names()
    settings, _ = changed_settings(parent.settings, columns, profile, sets)
    manifest = parent.run.manifest
    assert manifest is not None
    # The parent by the digest of its manifest: one that was made anew under the same name is another parent.
    origin = {"parent": parent.run.id, "manifest": digest(parent.path)}
    rules = {"profile": settings.profile.model_dump(mode="json")}
    later = {name: getattr(settings, name).model_dump(mode="json") for name in ("duplicates", "decontaminate")}
    recipe = dump({**origin, **rules, **later})
    run = Run.create(out, KIND, recipe, root=root, parents=[parent.run], force=force)
    order = decide.steps(settings)
    before = funnel(parent.scan("rollups").collect(), parent.steps)
    with run:
        attach(run.path)
        if run.is_finished:
            rollup = pl.read_parquet(parquet_files(run.path / "rollups"), glob=False)
            stored = run.manifest.gates if run.manifest is not None else []
            return Child(run, funnel(rollup, order), before, [], stored, settings.tokenizer)
        run.emit(Event("info", "decide", "rules over stored measures"))
        write_text(run.path / "settings.json", settings.model_dump_json(indent=1) + "\n")
        after = again.after_rules(parent, settings)
        extra = _search_tables(parent, after.gone) if settings.duplicates.documents else {}
        gates: list[str] = []
        counted: dict[str, int] = {}
        if settings.decontaminate.enabled:
            found = _items(parent, after.searched)
            extra |= found
            hits = found["contamination"].filter(pl.col("id").is_in(after.searched.implode()))
            counted = tables.counts(hits, found["items"])
            if not settings.decontaminate.drops:
                gates += tables.over_limit(found["suites"], settings.decontaminate.limit)
        done = finish.write_run(
            run.path,
            lambda: _slices(parent, settings, after.drops, listener),
            extra=extra,
            dropped_text_bytes=0,  # what the parent stored, the child can store
            dropped_cap_bytes=1,
            seed=settings.seed,
            shard_rows=100_000,
        )
        levels = funnel(done.rollup, order)
        if levels.total != manifest.counts["records"]:
            raise AssertionError(f"the parent has {manifest.counts['records']} records, {levels.total} were decided")
        if settings.duplicates.drops:
            tripped, warnings = late.judged(run.path, settings.duplicates)
            gates = [*tripped, *gates]
            for sentence in warnings:
                listener(Event("warning", "duplicates", sentence))
        run.finish(
            counts={
                "records": levels.total,
                "documents": levels.kept,
                "dropped": levels.dropped,
                "failed": levels.failed,
                "tokens_kept": levels.tokens_kept,
                "bytes_kept": levels.bytes_kept,
            }
            | counted,
            timings={"total": round(time.monotonic() - began, 3)},
            inputs=manifest.inputs,
            written=done.files,
            gates=gates,
        )
        return Child(run, levels, before, done.never_fired(settings.profile), gates, settings.tokenizer)


def _search_tables(parent: FinishedRun, gone: pl.DataFrame) -> dict[str, pl.DataFrame]:
    names = ["fingerprints", "pairs"] + ["indexed"] * (parent.settings.duplicates.index is not None)
    stored = {name: parent.scan(name).collect() for name in names}
    return {**stored, "duplicates": gone}


def _items(parent: FinishedRun, searched: pl.Series) -> dict[str, pl.DataFrame]:
    """The tables of benchmark items, those of items and suites for the documents that are kept now."""
    rows, items = (parent.scan(name).collect() for name in ("contamination", "items"))
    items = tables.among(items, rows, searched)
    return {"contamination": rows, "items": items, "suites": tables.by_suite(items)}


def _slices(parent: FinishedRun, settings: Settings, drops: pl.DataFrame, listener: Listener) -> Iterator[UnitTables]:
    """The parent's tables with the states that the new rules give, so much text at a time as memory may hold.

    All tables stand in the order of the decisions, so each is read on from where the slice before it ended.
    """
    outline = parent.scan("decisions").select("chars", "state", "rule").collect()
    begins = slice_bounds(outline["chars"].to_numpy())
    at = dict.fromkeys(("measures", "documents", "dropped"), 0)
    for begin, end in pairwise(begins):
        rows = parent.scan("decisions").slice(begin, end - begin).collect()
        own = rows["rule"].ne_missing(decide.SAME_RECORD)
        ids = rows.filter(own).select("id")
        states = rows.filter(own)["state"]
        most = {"measures": ids.height, "documents": int((states == "kept").sum())}
        most["dropped"] = ids.height - most["documents"]
        parts = {}
        for name, count in most.items():
            parts[name] = parent.scan(name).slice(at[name], count).collect().join(ids, on="id", how="semi")
            at[name] += parts[name].height
        measures = parts["measures"]
        measured = pl.col("id").is_in(measures["id"].implode()) & pl.lit(own)
        fixed = rows.with_columns(
            *(
                pl.when(~measured).then(pl.col(name)).alias(name)
                for name in ("state", "step", "rule", "value", "partner")
            ),
            fails=pl.when(measured).then(pl.lit([], pl.List(pl.String))).otherwise(pl.col("fails")),
        )
        decisions = decide.settle(fixed, measures, settings.profile)
        places = decisions.select("id").with_row_index("position").filter(own)
        dropped = places.with_columns(pl.col("position").cast(pl.Int64)).join(drops, on="id").drop("id")
        decisions = decide.dropped_late(decisions, dropped)
        decided = decisions.filter(own).select("id", "state").with_row_index("position")
        texts = (
            pl.concat([parts["documents"], parts["dropped"]]).join(decided, on="id").sort("position").drop("position")
        )
        rescued = decisions.filter(pl.col("state") == "kept").height - texts.filter(pl.col("state") == "kept").height
        if rescued:
            raise UserError(
                f"{rescued} documents would be kept, but their text was not stored (output.dropped_gb was reached)",
                hint="run again with a larger --set output.dropped_gb=",
                code=Exit.INPUT,
            )
        edits = parent.scan("edits").join(ids.lazy(), on="id", how="semi", maintain_order="left").collect()
        listener(Event("progress", "decide", "deciding", fraction=end / max(begins[-1], 1)))
        yield UnitTables(decisions, measures, texts, edits)
