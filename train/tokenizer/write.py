"""A tokenizer as a run: its files as transformers wants them, the report as tables, JSON and a picture."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from train.data.blocks import Fields
from train.data.chat import DEFAULT, load_template
from train.data.texts import Documents, read_documents
from train.tokenizer import report as reports
from train.tokenizer.train import DEFAULT_SIZE, SAMPLE_BYTES, sample, train
from workbench import manifest
from workbench.errors import Exit, UserError
from workbench.events import Event, Listener
from workbench.files import Written, write_text
from workbench.recipes import Section
from workbench.runs import Run
from workbench.tables import ShardWriter
from workbench.yamltree import dump

KIND = "train.tokenizer"
REPORT = "report.json"
VERSION = 1  # raised when the code changes what is written


class Options(Section):
    """What decides the tokenizer beside the data."""

    vocab_size: int = DEFAULT_SIZE
    digits: bool = True
    specials: tuple[str, ...] = ()
    template: str = DEFAULT
    sample_bytes: int = SAMPLE_BYTES
    seed: int = 0
    fields: Fields = Fields()


@dataclass
class Made:
    """The run and its report; `was_done` where the same tokenizer stood there before."""

    run: Run
    report: dict[str, Any]
    was_done: bool


def make(
    data: str,
    options: Options,
    *,
    root: Path,
    out: Path | None = None,
    force: bool = False,
    listener: Listener = lambda event: None,
    attach: Callable[[Path], None] = lambda path: None,
) -> Made:
    """Train on a dataset, measure, and write the run. The same dataset and options give the same bytes.

    Raises UserError: exit 2 for a dataset without text and a vocabulary that is too small, 4 for data that cannot be
    read or has changed since its manifest.
    """
    documents = read_documents(data, root, fields=options.fields)
    recipe = _recipe(documents, options)
    parents = documents.parents[: 2 if documents.copies is not None else 1]
    run = Run.create(out, KIND, recipe, root=root, parents=parents, force=force)
    with run:
        attach(run.path)
        if run.is_finished:
            return Made(run, _stored(run.path), True)

        def say(message: str, fraction: float) -> None:
            run.emit(Event("info", "tokenizer", message))
            listener(Event("progress", "tokenizer", message, fraction=fraction))

        return Made(run, _write(run, documents, options, say), False)


def _recipe(documents: Documents, options: Options) -> str:
    template = load_template(options.template).model_dump(mode="json")
    return dump(
        {
            "data": documents.digest,
            "runs": [manifest.digest(run.path) for run in documents.parents],
            "tokenizer": {"version": VERSION, **options.model_dump(mode="json"), "template": template},
        }
    )


def _write(run: Run, documents: Documents, options: Options, say: Callable[[str, float], None]) -> dict[str, Any]:
    began = time.monotonic()
    say("reading", 0.0)
    documents.check()
    size = sum(len(one.text.encode()) for one in documents if one.text)
    if not size:
        raise UserError(f"{documents.name} holds no document with text", hint="name a dataset that has some")
    say("training", 0.1)
    learnt = 0

    def texts() -> Iterator[str]:
        nonlocal learnt
        for one in sample(documents, size, options.sample_bytes, options.seed, "tokenizer"):
            learnt += len((one.text or "").encode())
            yield one.text or ""

    tokenizer = train(
        texts(), options.vocab_size, digits=options.digits, specials=options.specials, template=options.template
    )
    trained_s = time.monotonic() - began
    tokenizer.save(run.path)
    say("measuring", 0.6)
    found = reports.measure(tokenizer, sample(documents, size, reports.SAMPLE_BYTES, options.seed, "report"))
    data = {"tokenizer": tokenizer.digest, "template": options.template, "bytes": size, "bytes_learnt": learnt}
    data |= found.data()
    write_text(run.path / REPORT, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    write_text(run.path / "compression.svg", found.picture())
    written = [*_table(run.path / "groups", found.groups), *_table(run.path / "vocabulary", found.vocabulary)]
    everything = found.groups.filter(pl.col("by") == "all").row(0, named=True)
    say("done", 1.0)
    run.finish(
        counts={
            "vocabulary": tokenizer.size,
            "bytes": size,
            "bytes_learnt": learnt,
            "bytes_measured": everything["bytes"],
            "tokens_measured": everything["tokens"],
            "unused": found.unused,
        },
        timings={"train": round(trained_s, 3), "total": round(time.monotonic() - began, 3)},
        inputs=documents.inputs,
        written=written,
        gates=[f"does not decode to itself: {name}" for name in found.failed],
    )
    return data


def _table(directory: Path, frame: pl.DataFrame) -> list[Written]:
    with ShardWriter(directory, frame.clear().to_arrow().schema) as writer:
        writer.append(frame)
    return [file._replace(path=f"{directory.name}/{file.path}") for file in writer.written]


def _stored(directory: Path) -> dict[str, Any]:
    path = directory / REPORT
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise UserError(f"cannot read {path}", hint="make it again with --force", code=Exit.INPUT) from None
    return found
