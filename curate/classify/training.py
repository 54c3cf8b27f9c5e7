"""A training as a run: read, split, train, evaluate on what was held out, write."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.classify import card, evaluate, model, split
from curate.classify.examples import JOIN, Examples, Reader
from curate.classify.model import FOLDER, Described, Model
from curate.classify.settings import Training
from workbench import html, manifest, plots
from workbench.errors import UserError
from workbench.events import Event
from workbench.files import Written, write_text
from workbench.recipes import dump
from workbench.runs import Run
from workbench.tables import ShardWriter
from workbench.yamltree import dump as dump_values

EXAMPLES = "examples"


@dataclass
class Trained:
    """The run, its evaluation, and what to warn of; `was_done` where the same training stood there before."""

    run: Run
    evaluation: dict[str, Any]
    notes: list[str]
    was_done: bool = False


@dataclass
class Prepared:
    """Examples with their split: `frame` has SCHEMA's columns and chars, tokens, held_out."""

    frame: pl.DataFrame
    labels: list[str]
    source: Examples
    notes: list[str]


def prepare(settings: Training, folder: Path, root: Path) -> Prepared:
    """Reads and splits. Raises UserError for an empty class, a single label, and bad rows."""
    read = Reader(folder, root, piece=settings.piece, seed=settings.seed).read(settings.by_label(), settings.labelled)
    unlabelled = next((one for one in settings.labelled if one.label is None and one.labels is None), None)
    if unlabelled is not None:
        raise UserError(f"{unlabelled.name}: which field holds the label?", hint="add `label: FIELD` to the source")
    named = [label for label, sources in settings.by_label().items() if sources or not settings.labelled]
    labels = split.check(read.frame["label"].to_list(), named)
    return prepared(read, labels, settings)


def prepared(read: Examples, labels: list[str], settings: Training, strata: Sequence[str] | None = None) -> Prepared:
    """The split of examples whose labels are known to be sound; `strata` (default: the labels) are on both sides."""
    frame = read.frame.filter(pl.col("label").is_not_null())
    parts = frame["label"].to_list() if strata is None else strata
    held, torn = split.held_out(parts, frame["group"].to_list(), settings.held_out, settings.seed)
    notes = [*read.notes]
    for label in torn:
        notes.append(
            f"'{label}' comes from one host or file on its side: it is split within it, which flatters the result"
        )
    return Prepared(measured(frame).with_columns(held_out=pl.Series(held)), labels, read, notes)


def measured(frame: pl.DataFrame) -> pl.DataFrame:
    """With `chars`, and `tokens` by the estimate of the measures."""
    from curate.measures.text import text

    texts, found = frame["text"].to_list(), []
    for begin in range(0, len(texts), 256):
        found += np.asarray(text(model.batch_of(texts[begin : begin + 256]))["tokens"]).tolist()
    chars = pl.col("text").str.len_chars().cast(pl.Int64)
    return frame.with_columns(chars=chars, tokens=pl.Series(found, dtype=pl.Int64))


def fit(folder: Path, described: Described, settings: Training, ready: Prepared) -> Model:
    """Trains on what is not held out."""
    seen = ready.frame.filter(~pl.col("held_out"))
    own = [[label] if described.exclusive else label.split(JOIN) for label in seen["label"]]
    target = np.array([[name in labels for name in ready.labels] for labels in own], dtype=bool)
    return model.train(
        folder, described, settings, seen["text"].to_list(), seen["url"].to_list(), target, seen["group"].to_list()
    )


def scored(frame: pl.DataFrame, trained: Model) -> pl.DataFrame:
    """The frame with the scores of each class, and the label that is the most likely."""
    found = trained.score_texts(frame["text"].to_list(), frame["url"].to_list())
    columns = [pl.Series(f"score.{label}", found[:, place]) for place, label in enumerate(trained.labels)]
    best = pl.Series("predicted", [trained.labels[place] for place in found.argmax(axis=1)], dtype=pl.String)
    return frame.with_columns(*columns, best)


def score_matrix(frame: pl.DataFrame, labels: list[str]) -> NDArray[np.float64]:
    """The scores that `scored` added, float64[examples, classes]."""
    return frame.select(f"score.{label}" for label in labels).to_numpy()


def write(
    kind: str,
    settings: Training,
    described: Described,
    ready: Prepared,
    judge: Callable[[pl.DataFrame, Model], dict[str, Any]],
    *,
    out: Path | None,
    root: Path,
    force: bool,
    attach: Callable[[Path], None],
    more: Mapping[str, Any] | None = None,
) -> Trained:
    """Trains into a new run: model/, examples/, evaluation.json, pictures, card.md and the manifest."""
    began = time.monotonic()
    inputs = ready.source.inputs
    origin = {
        "parents": [manifest.digest(run.path) for run in ready.source.parents],
        "inputs": [one.model_dump(mode="json") for one in inputs],
        **(more or {}),
    }
    recipe = dump(settings) + dump_values(origin)
    run = Run.create(out, kind, recipe, root=root, parents=ready.source.parents, force=force)
    with run:
        attach(run.path)
        if run.is_finished:
            return Trained(run, json.loads((run.path / "evaluation.json").read_text("utf-8")), ready.notes, True)
        run.emit(Event("info", "train", f"training {described.engine} on {ready.frame.height} examples"))
        trained = fit(run.path / FOLDER, described, settings, ready)
        fitted = time.monotonic()
        frame = scored(ready.frame, trained)
        evaluation = judge(frame.filter("held_out"), trained)
        evaluation["notes"] = ready.notes
        evaluation["used"] = used(frame)
        write_text(run.path / "evaluation.json", json.dumps(evaluation, indent=1, ensure_ascii=False) + "\n")
        written = _table(run.path / EXAMPLES, frame.drop("text"))
        for name, picture in pictures(evaluation).items():
            write_text(run.path / name, picture)
        write_text(run.path / "card.md", card.card(kind, settings, described, evaluation))
        run.finish(
            counts={"examples": frame.height, "held_out": int(frame["held_out"].sum()), "labels": len(ready.labels)},
            timings={"train": round(fitted - began, 3), "total": round(time.monotonic() - began, 3)},
            inputs=inputs,
            written=written,
        )
    return Trained(run, evaluation, ready.notes)


def used(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Documents, pieces, groups and tokens by label, source and side of the split."""
    counted = frame.group_by("label", "source", "held_out").agg(
        documents=pl.col("id").n_unique(),
        pieces=pl.len(),
        groups=pl.col("group").n_unique(),
        tokens=pl.col("tokens").sum(),
    )
    return counted.sort("label", "source", "held_out").to_dicts()


def judge_quality(frame: pl.DataFrame, trained: Model, positive: str, share: float) -> dict[str, Any]:
    """The report of the score of one label among two."""
    column = pl.col(f"score.{positive}")
    report = evaluate.quality(frame.with_columns(score=column, positive=pl.col("label") == positive), share)
    return {"score": positive, **report}


def pictures(evaluation: Mapping[str, Any]) -> dict[str, str]:
    """The calibration curve and the distribution of the scores, as SVG by file name."""
    found = {}
    if evaluation.get("calibration"):
        points = [(row["score"], row["positive"], row["examples"]) for row in evaluation["calibration"]]
        found["calibration.svg"] = own_colours(card.calibration_svg(points))
    if evaluation.get("histogram"):
        counts = evaluation["histogram"]
        edges = [number / len(counts) for number in range(len(counts) + 1)]
        limit = evaluation["threshold"]["threshold"]
        found["scores.svg"] = own_colours(
            plots.histogram(edges, counts, threshold=limit, drops_above=False, label="scores of the held-out examples")
        )
    return found


def own_colours(picture: str) -> str:
    """A picture that stands in a file of its own needs the page's colours in it."""
    return picture.replace(">", f">{html.style()}", 1) + "\n"


def _table(directory: Path, frame: pl.DataFrame) -> list[Written]:
    with ShardWriter(directory, frame.clear().to_arrow().schema) as writer:
        writer.append(frame)
    return [file._replace(path=f"{directory.name}/{file.path}") for file in writer.written]
