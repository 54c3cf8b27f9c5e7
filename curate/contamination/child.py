"""`curate decontaminate`: what of benchmarks stands in a run, as a child run; with removal, the run without it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from curate.ask.finished import FinishedRun
from curate.contamination import removal, scan, tables
from curate.contamination.items import Benchmark, parts_of, read_items
from curate.contamination.match import Matcher
from curate.contamination.variants import Variant
from curate.pipeline import finish
from curate.pipeline.decide import CONTAMINATION_STEP
from curate.pipeline.rollups import Funnel, funnel
from workbench.events import Event, Listener
from workbench.files import Written
from workbench.manifest import Input, digest
from workbench.runs import Run
from workbench.tables import ShardWriter, read_tables
from workbench.yamltree import dump

KIND = "curate.decontaminate"
Removal = Literal["document", "span"]
_OWN_TABLES = ("contamination", "items", "suites")
_RUN_TABLES = ("documents", "dropped", "measures", "decisions", "edits", "rollups")


@dataclass
class Decontaminated:
    """The child run, what was found by suite, and with removal the funnel of what is left."""

    run: Run
    suites: pl.DataFrame
    items: pl.DataFrame
    found: pl.DataFrame
    documents: int
    funnel: Funnel | None = None
    was_done: bool = False


def decontaminate(
    parent: FinishedRun,
    against: Sequence[Path],
    variant: Variant,
    *,
    remove: Removal | None,
    question: str | None = None,
    answer: str | None = None,
    out: Path | None,
    root: Path,
    jobs: int,
    force: bool,
    listener: Listener,
    attach: Callable[[Path], None],
) -> Decontaminated:
    """Writes the child run. Raises UserError (exit 4) for a benchmark or a parent that cannot be read."""
    began = time.monotonic()
    items, benchmarks = read_items(against, question, answer)
    recipe = _recipe(parent, variant, benchmarks, remove, question, answer)
    run = Run.create(out, KIND, recipe, root=root, parents=[parent.run], force=force)
    with run:
        attach(run.path)
        if run.is_finished:
            return _stored(run, parent)
        scratch = run.path / "units"
        run.emit(Event("info", CONTAMINATION_STEP, f"{len(items)} items of {len(benchmarks)} suites"))
        parts = parts_of(items)
        matcher = Matcher.of(parts, variant)

        def tell(event: Event) -> None:
            run.emit(event)
            listener(event)

        found, weights, documents = scan.find(
            scan.shards(parent),
            matcher,
            directory=scratch,
            key=digest(parent.path) + recipe,
            jobs=jobs,
            listener=tell,
        )
        rows = tables.contamination(found, parts, items, matcher)
        by_item = tables.by_item(found, parts, items, matcher, weights)
        suites = tables.by_suite(by_item)
        written = [*_table(run.path, "contamination", rows)]
        written += [*_table(run.path, "items", by_item), *_table(run.path, "suites", suites)]
        counts = {"documents": documents, **tables.counts(rows, by_item), "ngrams_ignored": int(weights.ignored.sum())}
        levels = None
        if remove is not None:
            levels, more = _remove(run, parent, rows, variant, remove, tell)
            written += more
            counts |= {"records": levels.total, "documents": levels.kept, "dropped": levels.dropped}
            counts |= {"failed": levels.failed, "tokens_kept": levels.tokens_kept}
            counts["bytes_kept"] = levels.bytes_kept
        shutil.copyfile(parent.path / "settings.json", run.path / "settings.json")
        inputs = [Input(path=one.path, bytes=one.bytes, digest=one.sha256) for one in benchmarks]
        timings = {"total": round(time.monotonic() - began, 3)}
        run.finish(counts=counts, timings=timings, inputs=inputs, written=written)
        shutil.rmtree(scratch)  # only now: until the manifest stands, a crash goes on from the units
        return Decontaminated(run, suites, by_item, rows, documents, levels)


def _recipe(
    parent: FinishedRun,
    variant: Variant,
    benchmarks: Sequence[Benchmark],
    remove: Removal | None,
    question: str | None,
    answer: str | None,
) -> str:
    return dump(
        {
            "parent": parent.run.id,
            "manifest": digest(parent.path),
            "against": [{"suite": one.suite, "sha256": one.sha256} for one in benchmarks],
            "question": question,
            "answer": answer,
            "variant": variant.model_dump(mode="json"),
            "remove": remove,
        }
    )


def _remove(
    run: Run, parent: FinishedRun, rows: pl.DataFrame, variant: Variant, remove: Removal, tell: Listener
) -> tuple[Funnel, list[Written]]:
    """Writes the parent's tables without what was found, and takes its other tables over as they are."""
    assert parent.run.manifest is not None
    rule = f"{CONTAMINATION_STEP}.{variant.name}"
    done = finish.write_run(
        run.path,
        lambda: removal.without(parent, rows, rule, spans=remove == "span", margin=variant.margin, listener=tell),
        dropped_text_bytes=0,  # what the parent stored, the child can store
        dropped_cap_bytes=1,
        seed=parent.settings.seed,
        shard_rows=100_000,
    )
    levels = funnel(done.rollup, list(dict.fromkeys([*parent.steps, CONTAMINATION_STEP])))
    records = parent.run.manifest.counts.get("records", levels.total)
    if levels.total != records:
        raise AssertionError(f"the parent has {records} records, {levels.total} were written")
    for file in parent.run.manifest.outputs:
        name = Path(file.path).parts[0]
        if "/" in file.path and name not in (*_OWN_TABLES, *_RUN_TABLES):
            (run.path / file.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(parent.path / file.path, run.path / file.path)
    return levels, done.files


def _table(directory: Path, name: str, frame: pl.DataFrame) -> list[Written]:
    with ShardWriter(directory / name, frame.clear().to_arrow().schema) as writer:
        writer.append(frame)
    return [file._replace(path=f"{name}/{file.path}") for file in writer.written]


def _stored(run: Run, parent: FinishedRun) -> Decontaminated:
    """What a finished run of the same recipe holds."""
    assert run.manifest is not None and parent.run.manifest is not None
    suites, items, found = (read_tables(run.path / name).collect() for name in ("suites", "items", "contamination"))
    levels = None
    if (run.path / "rollups").is_dir():
        rollup = read_tables(run.path / "rollups").collect()
        levels = funnel(rollup, list(dict.fromkeys([*parent.steps, CONTAMINATION_STEP])))
    shutil.rmtree(run.path / "units", ignore_errors=True)  # a crash may have left it behind the manifest
    documents = parent.run.manifest.counts.get("documents", 0)
    return Decontaminated(run, suites, items, found, documents, levels, was_done=True)
