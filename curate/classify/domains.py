"""Training of topics and formats: where their labels come from, and what the report says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.classify import evaluate, split, training
from curate.classify.clusters import cluster
from curate.classify.examples import Examples, Reader
from curate.classify.model import Model, Reads
from curate.classify.settings import Domains
from curate.classify.taxonomy import Taxonomy, load_taxonomy, weak_labels
from curate.classify.training import Prepared
from workbench.errors import UserError

_SHOWN = 3
_SNIPPET = 160


def prepare(settings: Domains, folder: Path, root: Path) -> tuple[Prepared, Reads]:
    """Reads, labels and splits. Raises UserError for an empty class, a single label, and bad rows."""
    reads: Reads = settings.reads or "words"
    if settings.taxonomy is None and settings.clusters is None:
        return training.prepare(settings, folder, root), reads
    read = Reader(folder, root, piece=settings.piece, seed=settings.seed).read({}, settings.texts)
    if settings.taxonomy is not None:
        taxonomy = load_taxonomy(settings.taxonomy, folder)
        if settings.reads is None and settings.engine == "linear":
            reads = taxonomy.reads
        _label(read, taxonomy, settings)
    elif settings.clusters is not None:
        if read.frame.height < 2 * settings.clusters:
            hint = "ask for fewer clusters, or name more texts"
            raise UserError(f"{read.frame.height} texts are too few for {settings.clusters} clusters", hint=hint)
        names, found = cluster(read.frame["text"].to_list(), settings.clusters, settings.seed)
        read.frame = read.frame.with_columns(label=pl.Series([names[at] for at in found.tolist()]))
        read.notes.append("the labels are clusters of these texts; the figures say how well they are repeated")
    labels = split.check(read.frame["label"].to_list())
    return training.prepared(read, labels, settings), reads


def _label(read: Examples, taxonomy: Taxonomy, settings: Domains) -> None:
    weak = weak_labels(taxonomy, read.frame["text"].to_list(), read.frame["url"].to_list())
    names = list(taxonomy.labels)
    counts = np.bincount(weak.label[weak.label >= 0], minlength=len(names))
    few = [name for name, many in zip(names, counts, strict=True) if many < settings.least_examples]
    labels = [names[at] if at >= 0 and names[at] not in few else None for at in weak.label.tolist()]
    read.frame = read.frame.with_columns(label=pl.Series(labels, dtype=pl.String))
    known = sum(label is not None for label in labels)
    if not known:
        message = f"none of {len(labels):,} texts holds enough seed terms of one label"
        raise UserError(message, hint="name more texts, or terms that stand in these")
    read.notes.append(
        f"{known:,} of {len(labels):,} texts hold enough seed terms of one label; the figures say how well these "
        "guesses are repeated"
    )
    if few:
        read.notes.append(f"too few texts to learn: {', '.join(few)}")


def judge(frame: pl.DataFrame, trained: Model) -> dict[str, Any]:
    """The report: figures over all classes, predictions by host, the surest and least sure examples of each class."""
    scores = training.score_matrix(frame, trained.labels)
    target = np.array([trained.labels.index(label) for label in frame["label"]])
    report = evaluate.multiclass(target, scores, trained.labels)
    sure = frame.with_columns(
        score=pl.Series(scores.max(axis=1)), text=pl.col("text").str.slice(0, _SNIPPET).str.replace_all(r"\s+", " ")
    ).select("id", "label", "predicted", "score", "url", "text")
    shown = {}
    for label in trained.labels:
        mine = sure.filter(pl.col("predicted") == label)
        shown[label] = mine.sort("score", "id", descending=[True, False]).head(_SHOWN).to_dicts()
    wrong = sure.filter(pl.col("predicted") != pl.col("label"))
    right = (scores.argmax(axis=1) == target).astype(float)
    by = frame.with_columns(score=pl.Series(scores.max(axis=1)), positive=pl.Series(right).cast(pl.Boolean))
    return {
        **report,
        "predicted": predicted(frame),
        "by_host": evaluate.by_column(by, "host"),
        "by_lang": evaluate.by_column(by, "lang"),
        "by_length": evaluate.by_length(by),
        "examples_shown": {
            "surest": shown,
            "least_sure": sure.sort("score", "id").head(2 * _SHOWN).to_dicts(),
            "most_wrong": wrong.sort("score", "id", descending=[True, False]).head(2 * _SHOWN).to_dicts(),
        },
    }


def predicted(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Texts and tokens by predicted label, the most tokens first."""
    counted = frame.group_by("predicted").agg(texts=pl.len(), tokens=pl.col("tokens").sum())
    return counted.sort(["tokens", "predicted"], descending=[True, False]).to_dicts()
