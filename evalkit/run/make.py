"""An evaluation as a run: what is asked is planned, answered in stored units, scored, and summed up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.models.types import Model
from evalkit.retrieval.augment import Ways
from evalkit.retrieval.beside import beside, found
from evalkit.retrieval.open import opened
from evalkit.retrieval.passages import Told
from evalkit.run.ask import Asker
from evalkit.run.keys import ANSWERS
from evalkit.run.plan import Planned, plan
from evalkit.run.rows import ITEMS, SCHEMA, SCORES, SUMMARY, read_rows
from evalkit.run.settings import EvalSettings
from evalkit.run.store import SHARED, Store
from evalkit.run.summarise import average, calibrated, estimates, groups, tally
from evalkit.run.tables import SCORER, write_tables
from evalkit.run.training import Training, seen
from evalkit.tasks.tools import Tools
from workbench.envelope import jsonable
from workbench.events import Event, Listener
from workbench.files import remove, write_text
from workbench.manifest import Input
from workbench.runs import Run
from workbench.yamltree import dump

KIND = "eval"
VERSION = 2
"""Raised when the code changes what a run holds."""


class Searched(NamedTuple):
    """A corpus in which context was looked for: the run, how many of its documents were looked at, and how many it
    has."""

    run: Run
    searched: int
    documents: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that decides what a run holds: the settings, the model, and what is asked of it."""

    settings: EvalSettings
    model: Model
    planned: list[Planned]
    training: Training
    corpus: Searched | None = None

    @classmethod
    def of(
        cls,
        settings: EvalSettings,
        model: Model,
        root: Path,
        base: Path,
        *,
        listener: Listener = lambda event: None,
    ) -> Evaluation:
        """Read the tasks and their data, and look for their context. base: what paths in the settings are relative to.
        listener: hears how far the search is. UserError as `plan` and `evalkit.retrieval.open.opened`."""
        with Tools(root) as tools, ExitStack() as stack:
            ways = corpus = None
            if settings.retrieve is not None:
                retriever = stack.enter_context(opened(settings.retrieve, root))
                ways = Ways(settings.retrieve, retriever, _told(listener))
                corpus = Searched(retriever.run, retriever.searched, retriever.documents)
            planned = plan(settings, model, tools, base, ways)
            return cls(settings, model, planned, Training.of(settings.model, root), corpus)

    @property
    def recipe(self) -> str:
        """The resolved recipe, by which the run is known: a change of weights, tasks or data is another recipe."""
        tasks = {
            one.task.label: {
                "digest": one.digest,
                "data": one.source.digest,
                **({} if one.examples is None else {"examples": one.examples.digest}),
            }
            for one in self.planned
        }
        versions = {"run": VERSION, "answers": ANSWERS, "scorer": SCORER}
        settings = self.settings.model_dump(mode="json", exclude={"server"})  # how it is asked decides nothing
        return dump({"evaluation": settings, "model": self.model.digest, "tasks": tasks, "versions": versions})

    @property
    def inputs(self) -> list[Input]:
        """The files that are read, each once."""
        sources = [source for one in self.planned for source in (one.source, one.examples) if source is not None]
        return list({source.digest + source.name: source.input() for source in sources}.values())


def evaluate(
    asked: Evaluation,
    root: Path,
    *,
    out: Path | None = None,
    resume: bool = True,
    force: bool = False,
    shared: bool = True,
    attach: Callable[[Path], None] = lambda path: None,
    listener: Listener = lambda event: None,
) -> Run:
    """The finished run of an evaluation; one that broke off goes on from its stored answers, to the same files.

    shared: answers are kept under the workspace for all runs; else in this run's directory until it is finished.
    attach: hears of the run's directory before anything is asked. Raises UserError as `Run.create`, and (exit 3) where
    the model answers nothing at all.
    """
    corpus = None if asked.corpus is None else asked.corpus.run
    parents = [run for run in (asked.training.run, corpus) if run is not None]
    run = Run.create(out, KIND, asked.recipe, root=root, parents=parents, resume=resume, force=force)
    with run:
        if not run.is_finished:
            attach(run.path)
            _write(run, asked, root, root / SHARED if shared else run.path / "units" / SHARED.name, listener)
        remove(run.path / "units")
    return run


def _write(run: Run, asked: Evaluation, root: Path, answers: Path, listener: Listener) -> None:
    began = time.monotonic()
    with Store(answers) as store, Tools(root) as tools:
        asker = Asker(asked.model, store)
        with _progress(asked.planned, asker, [listener, run.emit]) as told:
            for one in asked.planned:
                told(0, one.task.label)
                asker.answer(one.requests(), lambda count, label=one.task.label: told(count, label))  # type: ignore[misc]
        answered = time.monotonic()
        written = write_tables(run.path, asked.planned, asker, tools)
    summary = summarise(run.path, asked)
    write_text(run.path / SUMMARY, json.dumps(jsonable(summary), indent=1, allow_nan=False) + "\n")
    counts = {name: sum(task[name] for task in summary["tasks"]) for name in ("items", "scored", "failed", "unscored")}
    counts |= {"requests": asker.asked + asker.reused, "asked": asker.asked, "reused": asker.reused}
    counts |= {"requests_failed": len(asker.failed)}
    counts |= {name: value for name, value in asked.model.account().items() if isinstance(value, int)}
    timings = {"answers": round(answered - began, 3), "scores": round(time.monotonic() - answered, 3)}
    run.finish(counts=counts, timings=timings, inputs=asked.inputs, written=written)


def summarise(run: Path, asked: Evaluation) -> dict[str, Any]:
    """`summary.json`, from the tables of the run; nothing in it hangs on how often the run was interrupted."""
    import polars as pl

    tasks = []
    for one in asked.planned:
        task = one.task
        here = (pl.col("task") == task.name) & (pl.col("preset") == task.preset)
        items, scores = (read_rows(run, table).filter(here).collect() for table in (ITEMS, SCORES))
        data = {"files": [Path(file).name for file in one.source.files], "digest": one.source.digest}
        tasks.append(
            {
                "task": task.name,
                "preset": task.preset,
                "beside": one.beside,
                "title": task.title,
                "kind": task.kind,
                "version": task.version,
                "digest": one.digest,
                "formulation": task.formulation,
                "shots": task.shots.count,
                "average": task.average,
                "data": data,
                "seen_in_training": seen(asked.training, one),
                **tally(items),
                "retrieval": found(items) if one.retrieved is not None else None,
                "requests": len(set(one.requests())),
                "metrics": estimates(scores, average=task.average),
                "groups": groups(scores),
                "calibration": calibrated(items, scores),
            }
        )
    names = [task["task"] for task in tasks]
    held_out = [task for task in tasks if not task["seen_in_training"]]
    once = len(set(names)) == len(names)  # a task under several presets would count several times
    averages = {"all": average(tasks), "held_out": average(held_out)} if once else {}
    model = {"name": asked.model.name, "digest": asked.model.digest, "context": asked.model.context}
    summary: dict[str, Any] = {"schema": SCHEMA, "model": model, "tasks": tasks, "averages": averages}
    if asked.corpus is not None and asked.settings.retrieve is not None:
        _, searched, documents = asked.corpus
        pairs = [(one.task.name, one.beside, one.task.preset) for one in asked.planned if one.beside is not None]
        how = asked.settings.retrieve.model_dump(mode="json", exclude={"corpus"})
        corpus = {"run": asked.corpus.run.id, "searched": searched, "documents": documents}
        summary["retrieval"] = {**how, "corpus": corpus, "beside": beside(run, tasks, pairs)}
    return summary


def _told(listener: Listener) -> Told:
    def told(step: str, done: int, total: int) -> None:
        listener(Event("progress", "retrieve", step, counts={"documents": done}, fraction=done / total if total else 1))

    return told


@contextmanager
def _progress(planned: Sequence[Planned], asker: Asker, listeners: Sequence[Listener]) -> Iterator[Any]:
    """A function that hears of answers as they come, and tells of them with the share of all that are wanted."""
    total = sum(len(set(one.requests())) for one in planned)
    done, began = 0, time.monotonic()

    def told(count: int, label: str) -> None:
        nonlocal done
        done += count
        seconds = time.monotonic() - began
        rate = asker.asked / seconds if seconds > 1 and asker.asked else None
        failed = f", {len(asker.failed):,} failed" if asker.failed else ""
        speed = "" if rate is None else f" {rate:,.1f} requests/s"
        event = Event(
            "progress",
            "evaluate",
            f"{label}{speed}{failed}",
            counts={"requests": done, "requests_total": total, "failed": len(asker.failed)},
            rate=rate,
            fraction=min(1.0, done / total) if total else None,
        )
        for listener in listeners:
            listener(event)

    yield told
