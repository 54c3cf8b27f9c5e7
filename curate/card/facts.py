"""Everything a card says that no person has to: gathered from manifests, settings and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curate.ask.finished import FinishedRun
from curate.ask.lineage import holder, holder_of_documents
from curate.card import tables
from curate.card.activities import COMMANDS, Activity, activities, funnel_of
from curate.card.answers import Answers
from curate.export.configs import place
from curate.export.plan import MIX
from curate.export.shard import exported_schema
from curate.export.write import KIND as EXPORT
from curate.export.write import read_splits
from curate.pipeline.rollups import Funnel
from curate.recipe import Settings
from workbench.manifest import Input

HOSTS = 20
RULES = 15


class DataFile(NamedTuple):
    """A file of the data set: its path in the folder that is handed on, its bytes and SHA-256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class HandedOn:
    """The files of a data set. name: of the run. splits: of an export, in order, and its files follow them. tokenizer:
    the file that counted the tokens, None where they are the run's estimate. counts: of the export."""

    name: str
    files: list[DataFile]
    splits: list[dict[str, Any]]
    tokenizer: str | None
    gates: list[str]
    counts: dict[str, int]


class Rule(NamedTuple):
    """A rule that dropped documents, and how many (each is counted once, at the first rule it failed)."""

    rule: str
    documents: int


@dataclass(frozen=True)
class Facts:
    """What the card states. documents: the run that holds the texts; settings: of the run that curated them."""

    handed_on: HandedOn
    version: str
    settings: Settings
    totals: tables.Totals
    languages: list[tables.Share]
    hosts: list[tables.Share]
    licences: list[tables.Share]
    edits: list[tables.Edited]
    funnel: Funnel | None
    rules: list[Rule]
    activities: list[Activity]
    inputs: list[Input]
    columns: pa.Schema
    measures: list[str]
    domains: dict[str, list[tables.Share]]
    is_mix: bool
    items_left: int | None  # benchmark items that were found and not removed; None where nobody looked


def gather(runs: Sequence[FinishedRun], answers: Answers, handed_on: HandedOn | None = None) -> Facts:
    """The facts of a lineage; `handed_on` describes an export that is being written from it.

    Raises UserError (exit 4) where no run of the lineage holds documents any more.
    """
    making = [] if handed_on is None else [Activity("export", COMMANDS[EXPORT], handed_on.counts)]
    documents = holder_of_documents(runs)
    if handed_on is None:
        handed_on = _handed_on(runs[0], documents)
    before = runs[: runs.index(documents)]
    mix = next((run for run in before if run.run.started.kind == MIX), None)
    rows = tables.rows(documents, mix)
    counted = holder(runs, "rollups")
    first = runs[-1].run.manifest
    assert first is not None
    searched = (counted or documents).settings.decontaminate
    pages = [one for one in first.inputs if not searched.reads(one.path)]
    measured = holder(runs, "measures")
    names = [] if measured is None else measured.scan("measures").collect_schema().names()
    found = next((run for run in runs if run.run.started.kind == "curate.decontaminate" or run.has("items")), None)
    return Facts(
        handed_on=handed_on,
        version=first.code.version,
        settings=(counted or documents).settings,
        totals=tables.totals(rows),
        languages=tables.shares(rows, "lang"),
        hosts=tables.shares(rows, "host", HOSTS),
        licences=tables.by_licence(rows, answers.licences) if answers.licences else [],
        edits=tables.edits(runs, rows),
        funnel=None if counted is None else funnel_of(counted),
        rules=[] if counted is None else _rules(counted),
        activities=[*activities(runs), *making],
        inputs=[one.model_copy(update={"path": _shown(one.path)}) for one in pages],
        columns=_columns(runs[0], documents, handed_on, mix is not None),
        measures=names,
        domains={} if measured is None else _domains(measured, names, rows),
        is_mix=mix is not None,
        items_left=None if found is None else _items_left(found),
    )


def _items_left(run: FinishedRun) -> int:
    """Items in the texts of a run that looked for them; where it removed documents or spans, none is left."""
    manifest = run.run.manifest
    assert manifest is not None
    own = manifest.kind == "curate.decontaminate"
    removed = run.has("documents") if own else run.settings.decontaminate.drops
    return 0 if removed else manifest.counts.get("items_contaminated", 0)


_FOLDERS = {EXPORT: "data/", MIX: "sample/"}


def _handed_on(run: FinishedRun, documents: FinishedRun) -> HandedOn:
    """Of a finished run; what reports on the documents of another run hands those on."""
    own = run if run.run.started.kind in _FOLDERS else documents
    manifest, held = own.run.manifest, documents.run.manifest
    assert manifest is not None and held is not None
    gates = list(dict.fromkeys([*manifest.gates, *held.gates]))
    folder = _FOLDERS.get(manifest.kind, "documents/")
    counted_by = None if documents.tokenizer is None else PurePosixPath(documents.tokenizer).name
    files = [DataFile(one.path, one.bytes, one.sha256) for one in manifest.outputs if one.path.startswith(folder)]
    if manifest.kind != EXPORT:
        return HandedOn(run.run.id, files, [], counted_by, gates, manifest.counts)
    splits = read_splits(run.path)
    tokenizer = manifest.inputs[0].path if manifest.inputs else counted_by
    return HandedOn(run.run.id, in_order(files, splits), splits, tokenizer, gates, manifest.counts)


def in_order(files: Sequence[DataFile], splits: Sequence[dict[str, Any]]) -> list[DataFile]:
    """The data files of an export in the order of its splits."""
    order: list[tuple[str | None, str] | None] = [(split.get("phase"), split["split"]) for split in splits]
    return sorted(files, key=lambda file: (order.index(place(file.path)), file.path))


def _domains(run: FinishedRun, names: Sequence[str], rows: pl.LazyFrame) -> dict[str, list[tables.Share]]:
    """How the data is divided by each classifier of domains that the run applied."""
    found = {}
    for name in names:
        if name.startswith("domain.") and run.scan("measures").collect_schema()[name] == pl.String:
            labels = run.scan("measures").select("id", name)
            found[name] = tables.shares(rows.join(labels, on="id", how="left"), name)
    return found


def _shown(path: str) -> str:
    """The name of an input without the folders of whoever ran it; addresses stay whole."""
    return path if "://" in path or not PurePosixPath(path).is_absolute() else PurePosixPath(path).name


def _rules(run: FinishedRun) -> list[Rule]:
    dropped = run.scan("rollups").filter(pl.col("state") == "dropped", pl.col("rule").is_not_null())
    counted = dropped.group_by("rule").agg(pl.col("documents").sum().cast(pl.Int64))
    return [Rule(*row) for row in counted.sort(["documents", "rule"], descending=[True, False]).collect().rows()]


def _columns(run: FinishedRun, documents: FinishedRun, handed_on: HandedOn, is_mix: bool) -> pa.Schema:
    tables = [file.path for file in handed_on.files if file.path.endswith(".parquet")]
    if tables and (run.path / tables[0]).is_file():
        return pq.read_schema(run.path / tables[0]).remove_metadata()
    stored = documents.scan("documents").collect_schema().to_frame().to_arrow().schema
    return exported_schema(stored, counted=handed_on.tokenizer is not None, mix=is_mix)
