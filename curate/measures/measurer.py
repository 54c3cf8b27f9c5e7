"""All measures of a batch as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curate.measures import corpus, plugins
from curate.measures.batch import Batch
from curate.measures.c4 import c4_datatrove, c4_paragraphs, c4_tfds
from curate.measures.code import code
from curate.measures.fineweb import fineweb
from curate.measures.gopher.datatrove import gopher_datatrove
from curate.measures.gopher.own import gopher
from curate.measures.gopher.web import gopher_dclm, gopher_olmo3
from curate.measures.lexicon import Lexicons
from curate.measures.lists import Lists, load_lists
from curate.measures.madlad import madlad
from curate.measures.plugins import Plugin
from curate.measures.refinedweb import refinedweb, refinedweb_olmo3
from curate.measures.registry import REGISTRY, Measure
from curate.measures.script import script
from curate.measures.text import text
from curate.measures.url import Urls

Family = Callable[[Batch], Mapping[str, Any]]
_FAMILIES: dict[str, Family] = {
    "text": text,
    "script": script,
    "gopher_datatrove": gopher_datatrove,
    "gopher_dclm": gopher_dclm,
    "gopher_olmo3": gopher_olmo3,
    "gopher": gopher,
    "c4_datatrove": c4_datatrove,
    "c4_tfds": c4_tfds,
    "c4_paragraphs": c4_paragraphs,
    "fineweb": fineweb,
    "refinedweb": refinedweb,
    "refinedweb_olmo3": refinedweb_olmo3,
    "madlad": madlad,
    "code": code,
}


class Measurer:
    """Computes every measure but those of the corpus; built once a process, with the run's lists."""

    def __init__(self, lists: Lists | None = None, installed: Mapping[str, Plugin] | None = None) -> None:
        """`lists`: the run's, else our own lexicons; `installed`: user measures, else those of the entry points."""
        lists = load_lists() if lists is None else lists
        lexicons = Lexicons(lists)
        self._families: dict[str, Family] = {**_FAMILIES, "lexicon": lexicons, "url": Urls(lists)}
        self._plugins = plugins.installed() if installed is None else dict(installed)
        self.registry: dict[str, Measure] = dict(REGISTRY)
        for measure in (*lexicons.measures, *(m for plugin in self._plugins.values() for m in plugin.measures)):
            self.registry[measure.name] = measure

    def measure(self, batch: Batch) -> pl.DataFrame:
        """One row a document in input order, one column a measure in the order of the registry; no nulls, no NaN."""
        found: dict[str, pl.Series] = {}
        for family, compute in self._families.items():
            # What reads the text alone is kept: a model that reads the page's shape asks again.
            values_of = batch.once(compute) if family in _FAMILIES else compute(batch)
            for name, values in values_of.items():
                measure = self.registry[f"{family}.{name}"]
                found[measure.name] = pl.Series(measure.name, values, dtype=plugins.TYPES[measure.dtype])
        for name, plugin in self._plugins.items():
            found |= {column.name: column for column in plugins.columns(name, plugin, batch)}
        return pl.DataFrame([found[name] for name in self.registry if not name.startswith("corpus.")])

    def unigram_counts(self, batch: Batch) -> NDArray[np.uint32]:
        """The batch's part of the run's distribution of words, uint32[2**20]."""
        return corpus.unigram_counts(batch.segments)


@cache
def _default() -> Measurer:
    return Measurer()


def measure(batch: Batch) -> pl.DataFrame:
    """All measures with our own lexicons and no block lists: what `Measurer().measure(batch)` gives."""
    return _default().measure(batch)
