"""Trained models as measures: what a run asks of each batch of documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.classify.model import Model
from curate.measures.batch import Batch
from curate.measures.registry import Measure

NO_WORDS = ""
SENTENCE = 0.4
"""A sentence with this harm score or more counts as harmful, as in Dolma (Soldaini et al. 2024)."""


class Classifier:
    """The models of one run by family: `quality` and `harm` by any name, `domain` as `topic` and `format`; what
    `curate.classify.opened` opens.

    `measures(batch)` gives one column a model, two for harm, named as in `declared`. A text without a word has score
    0.0 and the domain "".
    """

    def __init__(self, models: Mapping[str, Mapping[str, Model]]) -> None:
        self.models = models
        self.declared: list[Measure] = []
        for family, named in models.items():
            for name in named:
                self.declared += _declared(family, name)

    def measures(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """The columns of a batch, by full name: float64[documents], domains as text."""
        none = np.diff(batch.segments.words_uax29.first) == 0
        found: dict[str, NDArray[Any]] = {}
        for family, named in self.models.items():
            for name, one in named.items():
                here = batch.once(one.score)  # a model that knows several harms is asked once
                if family == "domain":
                    best = np.array(one.labels, dtype=object)[here.argmax(axis=1)]
                    found[f"domain.{name}"] = np.where(none, NO_WORDS, best)
                    found[f"domain.{name}_score"] = np.where(none, 0.0, here.max(axis=1))
                    continue
                place = one.labels.index(name if family == "harm" else one.described.score or one.labels[-1])
                found[f"{family}.{name}"] = np.where(none, 0.0, here[:, place])
                if family == "harm":
                    found[f"harm.{name}_sentences"] = _harmful(batch, one, place)
        return found


def _declared(family: str, name: str) -> list[Measure]:
    if family == "domain":
        return [
            Measure(f"domain.{name}", "string", f"the most likely {name} of the document"),
            Measure(f"domain.{name}_score", "float64", f"the probability of the most likely {name}"),
        ]
    found = [Measure(f"{family}.{name}", "float64", f"the score of the {family} classifier {name}, 0 to 1")]
    if family == "harm":
        told = f"characters of sentences with a score of {SENTENCE} or more / characters of sentences"
        found.append(Measure(f"harm.{name}_sentences", "float64", told))
    return found


def _harmful(batch: Batch, one: Model, place: int) -> NDArray[np.float64]:
    spans = batch.segments.sentences
    length = (spans.end - spans.begin).astype(np.float64)
    bad = np.where(batch.once(one.score_sentences)[:, place] >= SENTENCE, length, 0.0)
    part, whole = (np.concatenate([[0.0], np.cumsum(values)]) for values in (bad, length))
    parts, wholes = (np.diff(sums[spans.first]) for sums in (part, whole))
    return np.divide(parts, wholes, out=np.zeros(len(parts)), where=wholes > 0)
