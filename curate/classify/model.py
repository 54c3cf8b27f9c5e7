"""A trained model as its users see it: labels, what it reads, and scores of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from curate.classify import fasttext_engine, features, linear
from curate.classify.fasttext_engine import FastTextModel
from curate.classify.features import Rows
from curate.classify.linear import LinearModel
from curate.classify.settings import FastText, Linear, Training
from curate.measures.batch import Batch
from curate.segment import Segments
from workbench.errors import Exit, UserError
from workbench.files import write_text
from workbench.runs import Run

FOLDER = "model"
_FILE = "model.json"
_CHUNK = 256
Scores = NDArray[np.float64]
Reads = Literal["words", "page"]


class Described(BaseModel):
    """`model.json`.

    reads: the words alone, or also the page's shape and URL. score: the label that is the score. across: of a tagger,
    see there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    engine: Literal["linear", "fasttext"]
    labels: list[str]
    exclusive: bool
    reads: Reads
    features: str
    score: str | None = None
    across: list[str] = []


@dataclass(frozen=True, eq=False)
class Model:
    """One trained classifier."""

    described: Described
    engine: LinearModel | FastTextModel

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of the columns of `score`."""
        return self.described.labels

    def score(self, batch: Batch) -> Scores:
        """Probabilities, float64[documents, classes]."""
        if isinstance(self.engine, FastTextModel):
            return self.engine.score(batch.texts)
        return self.engine.score(batch.once(view(self.described.reads)))

    def score_sentences(self, batch: Batch) -> Scores:
        """The same for each sentence of `batch.segments.sentences`, float64[sentences, classes]."""
        segments = batch.segments
        if isinstance(self.engine, FastTextModel):
            spans = segments.sentences
            return self.engine.score(
                [segments.text.slice(int(begin), int(end)) for begin, end in zip(spans.begin, spans.end, strict=True)]
            )
        begin, end = features.sentence_words(segments)
        return self.engine.score(features.rows(segments.lower_ids("words_uax29"), begin, end))

    def score_texts(self, texts: Sequence[str], urls: Sequence[str | None] | None = None) -> Scores:
        """Probabilities of texts, some at a time, so that memory stays small; float64[texts, classes]."""
        parts = [np.zeros((0, len(self.labels)))]
        for begin in range(0, len(texts), _CHUNK):
            parts.append(self.score(batch_of(texts[begin : begin + _CHUNK], urls and urls[begin : begin + _CHUNK])))
        return np.concatenate(parts)


def batch_of(texts: Sequence[str], urls: Sequence[str | None] | None = None) -> Batch:
    """A batch of texts alone."""
    nothing: list[str | None] = [None] * len(texts)
    own = list(texts)
    return Batch(Segments(own), own, nothing if urls is None else list(urls), nothing, nothing)


def view(reads: Reads) -> Callable[[Batch], Rows]:
    """What makes the features of a batch: one function for each way of reading, so that models share them."""
    if reads == "words":
        return features.word_rows
    from curate.classify.pages import page_rows

    return page_rows


def read_features(texts: Sequence[str], urls: Sequence[str | None], reads: Reads) -> Rows:
    """The features of many texts, some at a time."""
    parts = []
    for begin in range(0, len(texts), _CHUNK):
        parts.append(view(reads)(batch_of(texts[begin : begin + _CHUNK], urls[begin : begin + _CHUNK])))
    ends = np.cumsum([0, *(len(part.slots) for part in parts)])
    first = np.concatenate([[0], *(part.first[1:] + end for part, end in zip(parts, ends, strict=False))])
    return Rows(
        first.astype(np.int64),
        np.concatenate([part.slots for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def train(
    folder: Path,
    described: Described,
    settings: Training,
    texts: Sequence[str],
    urls: Sequence[str | None],
    target: NDArray[np.bool_],
    groups: Sequence[str],
) -> Model:
    """Trains on the given examples and writes the model; target: bool[texts, classes]."""
    folder.mkdir(parents=True, exist_ok=True)
    if described.engine == "fasttext":
        fasttext_engine.train(
            texts, target.argmax(axis=1).tolist(), settings.fasttext, settings.seed, folder / fasttext_engine.FILE
        )
    else:
        rows = read_features(texts, urls, described.reads)
        found = linear.train(rows, target, groups, settings.linear, settings.seed, exclusive=described.exclusive)
        found.save(folder)
    write_text(folder / _FILE, described.model_dump_json(indent=2) + "\n")
    return open_model(folder)


def describe(
    kind: str,
    settings: Training,
    labels: list[str],
    *,
    exclusive: bool = True,
    reads: Reads = "words",
    score: str | None = None,
) -> Described:
    """The description of what the settings will train."""
    return Described(
        kind=kind,
        engine=settings.engine,
        labels=labels,
        exclusive=exclusive,
        reads=reads,
        features=features.KIND,
        score=score,
    )


def open_model(folder: Path) -> Model:
    """The model in a folder. UserError (exit 4) where it is missing, damaged, or made by another version."""
    path = folder / _FILE
    try:
        described = Described.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise UserError(f"no model at {folder}", hint="name a run that trained one", code=Exit.INPUT) from None
    if described.engine == "fasttext":
        return Model(described, FastTextModel(folder / fasttext_engine.FILE, len(described.labels)))
    if described.features != features.KIND:
        raise UserError(f"{folder} reads features of another version", hint="train it again", code=Exit.INPUT)
    return Model(described, linear.load(folder))


def load(name: str, root: Path, kind: str | None = None) -> tuple[Run, Model]:
    """The model of a finished run, by id under `root` or path. UserError where the run trained nothing of this kind."""
    run = Run.open(name, root)
    if run.manifest is None:
        raise UserError(f"the run {run.path} is not finished", hint="train it again", code=Exit.INPUT)
    if kind is not None and run.manifest.kind != kind:
        raise UserError(
            f"{run.path} is a {run.manifest.kind} run, not {kind}", hint=f"name a {kind} run", code=Exit.INPUT
        )
    return run, open_model(run.path / FOLDER)


__all__ = ["Described", "FastText", "Linear", "Model", "batch_of", "describe", "load", "open_model", "train", "view"]
