"""An export as a run of its own: files under `data/`, their checksums, and the manifest of all they depend on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate import tokens
from curate.ask.finished import FinishedRun
from curate.export.plan import ENDINGS, Plan
from curate.export.shard import FILE
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.executor import run_units
from workbench.files import Written, remove, sha256, write_text
from workbench.manifest import digest
from workbench.runs import Run
from workbench.tables import write_table
from workbench.units import Outcome, Unit, fingerprint
from workbench.yamltree import dump

KIND = "curate.export"
CHECKSUMS = "SHA256SUMS"
SPLITS = "splits.json"
VERSION = 1  # raised when the code changes what is written
_STEP = "curate.export.shard:shard_step"


@dataclass
class Exported:
    """The run of the export, the plan's splits with their tokens, the files and the counts; `was_done` where the same
    export stood there before."""

    run: Run
    splits: list[dict[str, Any]] = field(default_factory=list)
    files: list[Written] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    was_done: bool = False


@dataclass(frozen=True)
class Options:
    """What the user chose, as far as it decides the bytes. answers: what people say in the card of `datasets`."""

    format: str
    shares: dict[str, float]
    seed: int
    shard_chars: int
    tokenizer: Path | None
    answers: dict[str, Any] | None

    def recipe(self, source: FinishedRun) -> str:
        """The canonical text that names the export."""
        tokenizer = None if self.tokenizer is None else tokens.as_input(self.tokenizer).model_dump(mode="json")
        return dump(
            {
                "parent": source.run.id,
                "manifest": digest(source.path),
                "export": {
                    "version": VERSION,
                    "format": self.format,
                    "splits": self.shares,
                    "seed": self.seed,
                    "shard_chars": self.shard_chars,
                    "tokenizer": tokenizer,
                    "answers": self.answers,
                },
            }
        )


def write(
    plan: Plan,
    options: Options,
    *,
    to: Path,
    root: Path,
    jobs: int,
    force: bool,
    gates: Sequence[str],
    listener: Listener,
    attach: Callable[[Path], None],
    describe: Callable[[Exported], dict[str, str]],
) -> Exported:
    """Writes the export; one that was interrupted goes on from the files that are done. `describe` gives the texts of
    further files, by name, once the data is there. Raises UserError (exit 3) where a file could not be written."""
    began = time.monotonic()
    parents = [plan.source.run] + ([plan.documents.run] if plan.is_mix else [])
    run = Run.create(to, KIND, options.recipe(plan.source), root=root, parents=parents, force=force)
    with run:
        attach(run.path)
        if run.is_finished:
            return Exported(run, read_splits(run.path), was_done=True)
        run.emit(Event("info", "export", f"{len(plan.shards)} files"))
        outcomes = _shards(run.path, plan, options, jobs, listener)
        done = Exported(run, _with_tokens(plan, outcomes), _publish(run.path, plan, outcomes))
        done.counts = _counts(plan, done)
        for name, text in {**describe(done), SPLITS: json.dumps(done.splits, indent=1) + "\n"}.items():
            write_text(run.path / name, text)
            done.files.append(Written(name, None, (run.path / name).stat().st_size, sha256(run.path / name)))
        listed = sorted(done.files, key=lambda file: file.path)
        write_text(run.path / CHECKSUMS, "".join(f"{file.sha256}  {file.path}\n" for file in listed))
        run.finish(
            counts=done.counts,
            timings={"total": round(time.monotonic() - began, 3)},
            inputs=[] if options.tokenizer is None else [tokens.as_input(options.tokenizer)],
            written=done.files,
            gates=gates,
        )
        remove(run.path / "units")
    return done


def _shards(directory: Path, plan: Plan, options: Options, jobs: int, listener: Listener) -> list[Outcome]:
    rows = directory / "units" / "rows.parquet"
    named = write_table(rows, plan.rows)
    manifest = plan.documents.run.manifest
    assert manifest is not None
    tables = sorted(file.path for file in manifest.outputs if file.path.startswith("documents/"))
    setup = {
        "rows": str(rows),
        "documents": [str(plan.documents.path / path) for path in tables],
        "run": plan.documents.run.id,
        "mix": plan.is_mix,
        "tokenizer": None if options.tokenizer is None else str(options.tokenizer),
        "counted": plan.counted_by(options.tokenizer) is not None,
        "ending": ENDINGS[options.format],
    }
    units = []
    for shard in plan.shards:
        payload = {"phase": shard.phase, "begin": shard.begin, "end": shard.end}
        name = fingerprint(recipe=options.recipe(plan.source), rows=named.sha256, path=shard.path, **payload)
        units.append(Unit(name, payload))
    outcomes = run_units(
        _STEP, units, directory=directory / "units" / "shards", step="export", jobs=jobs, setup=setup, on_event=listener
    )
    failed = [outcome for outcome in outcomes if outcome.failed]
    if failed:
        message = f"{len(failed)} of {len(units)} files were not written; the first: {failed[0].error}"
        raise UserError(message, hint="the same command goes on from what is done", code=Exit.PARTIAL)
    return outcomes


def _with_tokens(plan: Plan, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The plan's splits, each with the tokens of its files."""
    sums: dict[tuple[str | None, str], int] = {}
    for shard, outcome in zip(plan.shards, outcomes, strict=True):
        key = (shard.phase, shard.split)
        sums[key] = sums.get(key, 0) + (outcome.result or {})["tokens"]
    return [{**split, "tokens": sums[split.get("phase"), split["split"]]} for split in plan.splits]


def _publish(directory: Path, plan: Plan, outcomes: Sequence[Outcome]) -> list[Written]:
    """Moves every file to its name. A crash in between leaves some of them to be written again, none half."""
    remove(directory / "data")
    files = []
    for shard, outcome in zip(plan.shards, outcomes, strict=True):
        path = directory / shard.path
        path.parent.mkdir(parents=True, exist_ok=True)
        (outcome.directory / FILE).rename(path)
        rows = shard.end - shard.begin if path.suffix == ".parquet" else None
        files.append(Written(shard.path, rows, path.stat().st_size, sha256(path)))
    return files


def _counts(plan: Plan, done: Exported) -> dict[str, int]:
    counts = {
        "documents": plan.rows["position"].n_unique(),
        "rows": plan.rows.height,
        "tokens": sum(split["tokens"] for split in done.splits),
        "files": len(plan.shards),
    }
    return counts | (plan.clusters or {})


def read_splits(directory: Path) -> list[dict[str, Any]]:
    """Of a finished export, in order: phase (of a mix), split, documents, rows, files and tokens. Raises UserError
    (exit 4) where the file is damaged."""
    path = directory / SPLITS
    try:
        splits: list[dict[str, Any]] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        hint = f"see curate verify {directory}"
        raise UserError(f"cannot read {path}", hint=hint, code=Exit.INPUT) from None
    return splits
