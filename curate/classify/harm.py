"""Harm: several kinds at once, by document and by sentence."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from curate.classify import evaluate, training
from curate.classify.examples import JOIN, Reader
from curate.classify.model import Model
from curate.classify.settings import Harm
from curate.classify.training import Prepared
from workbench.errors import UserError

HARMLESS = "harmless"
"""How examples without any harm are told apart in tables; no model scores it."""


def prepare(settings: Harm, folder: Path, root: Path) -> Prepared:
    """Reads and splits. Raises UserError where a file names no label field, and where no harm or only harm is left."""
    for source in settings.labelled:
        if source.label is None and source.labels is None:
            raise UserError(f"{source.name}: which field holds the label?", hint="add `label: FIELD` or `labels: [..]`")
    reader = Reader(folder, root, piece=settings.piece, seed=settings.seed)
    read = reader.read({}, settings.labelled)
    kinds = [
        [one for one in (label or "").split(JOIN) if one and one not in settings.clean]
        for label in read.frame["label"].to_list()
    ]
    many = Counter(kind for own in kinds for kind in own)
    harmless = sum(not own for own in kinds)
    if not many:
        hint = f"labels that mean no harm: {', '.join(settings.clean)}; change them with --set clean="
        raise UserError(f"all {harmless:,} examples are harmless", hint=hint)
    if harmless < 2:
        raise UserError(f"{harmless} examples are harmless", hint="name texts without harm: there is one label only")
    for kind, number in sorted(many.items()):
        if number < 2:
            raise UserError(f"the class '{kind}' has one example", hint="two are the least: one is held out")
    read.frame = read.frame.with_columns(label=pl.Series([JOIN.join(own) or HARMLESS for own in kinds]))
    strata = [min(own, key=lambda kind: (many[kind], kind), default=HARMLESS) for own in kinds]
    return training.prepared(read, sorted(many), settings, strata)


def judge(frame: pl.DataFrame, trained: Model, share: float) -> dict[str, Any]:
    """The report of each kind of harm for itself."""
    reports = {}
    for label in trained.labels:
        here = frame.with_columns(
            score=pl.col(f"score.{label}"), positive=pl.col("label").str.split(JOIN).list.contains(label)
        )
        reports[label] = evaluate.quality(here, share)
    return {"examples": frame.height, "by_label": reports}
