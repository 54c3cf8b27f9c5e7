"""Trained models as measures: what a run asks of each batch of documents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.classify import model
from curate.classify.model import Model
from curate.measures.batch import Batch
from curate.measures.registry import Measure
from workbench.errors import UserError
from workbench.runs import Run

DOMAIN = ("topic", "format")
NO_WORDS = ""
SENTENCE = 0.4
"""A sentence with this harm score or more counts as harmful, as in Dolma (Soldaini et al. 2024)."""


class Classifier:
    """The models of one run by family: `quality` and `harm` by any name, `domain` as `topic` and `format`.

    `measures(batch)` gives one column a model, two for harm, named as in `declared`. A text without a word has score
    0.0 and the domain "".
    """

    def __init__(self, models: Mapping[str, Mapping[str, Model]]) -> None:
        self._models = models
        self.declared: list[Measure] = []
        for family, named in models.items():
            for name in named:
                self.declared += _declared(family, name)

    @classmethod
    def open(cls, settings: Mapping[str, Mapping[str, str]], root: Path) -> tuple[Classifier, list[Run]]:
        """From `{quality: {name: run}, domain: {topic: run, format: run}, harm: {name: run}}`; and the runs.

        Raises UserError for an unknown family or domain, and for a run that holds no such model.
        """
        runs: list[Run] = []
        models: dict[str, dict[str, Model]] = {}
        for family, named in settings.items():
            if family not in _KINDS:
                raise UserError(f"no classifiers are called '{family}'", hint=f"there are {', '.join(_KINDS)}")
            for name, path in named.items():
                if family == "domain" and name not in DOMAIN:
                    raise UserError(f"no domain is called '{name}'", hint=f"there are {', '.join(DOMAIN)}")
                run, found = model.load(path, root, _KINDS[family])
                if family == "harm" and name not in found.labels:
                    hint = f"it knows {', '.join(found.labels)}"
                    raise UserError(f"{run.path} knows no harm called '{name}'", hint=hint)
                runs.append(run)
                models.setdefault(family, {})[name] = found
        return cls(models), runs

    def measures(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """The columns of a batch, by full name: float64[documents], domains as text."""
        words = batch.segments.words_uax29
        none = np.diff(words.first) == 0
        scores: dict[int, NDArray[np.float64]] = {}
        found: dict[str, NDArray[Any]] = {}
        for family, named in self._models.items():
            for name, one in named.items():
                if id(one) not in scores:
                    scores[id(one)] = one.score(batch)
                here = scores[id(one)]
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


_KINDS = {"quality": "curate.quality", "domain": "curate.domains", "harm": "curate.harm"}


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
    bad = np.where(one.score_sentences(batch)[:, place] >= SENTENCE, length, 0.0)
    part, whole = (np.concatenate([[0.0], np.cumsum(values)]) for values in (bad, length))
    parts, wholes = (np.diff(sums[spans.first]) for sums in (part, whole))
    return np.divide(parts, wholes, out=np.zeros(len(parts)), where=wholes > 0)
