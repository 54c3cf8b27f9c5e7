"""Training the two looks on labelled blocks, and judging them on hosts that they have not seen.

The second look learns from scores that a first look gave to hosts it was not trained on, as those of new pages will be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import xxhash

from curate.extract.learn.boost import Binned, Options, cut, grow, mean
from curate.extract.winnow import stack
from curate.extract.winnow.analyse import Analysed, first_scores, second_columns, second_scores
from curate.extract.winnow.columns import COUNT
from curate.extract.winnow.features import features
from curate.extract.winnow.judge import CHUNK
from curate.extract.winnow.trees import Array, Model, Trees

FOLDS = 5
INNER_FOLDS = 3
# So many blocks of a page are learned from at most, drawn by the page's number: books must not outweigh the rest.
MOST_BLOCKS = 200
FIRST = Options(trees=220, rate=0.085)
SECOND = Options(trees=110, rate=0.09)
# Either look is the mean of so many, grown with other draws: one alone is right or wrong by luck on rare kinds of page.
MEMBERS = 2


class Sample(NamedTuple):
    """A page to learn from: labels (share of each block that is text), weights of the blocks, and the host."""

    analysed: Analysed
    host: str
    share: Array
    weight: Array


def fold_of(host: str, folds: int, salt: str) -> int:
    """The fold of a host, the same on every machine."""
    return xxhash.xxh3_64_intdigest(f"{salt}:{host}".encode()) % folds


def fit(samples: Sequence[Sample], facts: dict[str, Any], seed: int = 0) -> Model:
    """A model of all samples."""
    material = _Material(samples, seed)
    return Model(*material.fit(range(len(samples))), facts)


def cross_validate(
    samples: Sequence[Sample], seed: int = 0, progress: Callable[[str], None] = lambda _: None
) -> list[Array]:
    """Scores of every sample's blocks by a model that has seen nothing of its host."""
    material = _Material(samples, seed)
    folds = [fold_of(sample.host, FOLDS, "outer") for sample in samples]
    found: list[Array] = [np.empty(0, np.float32)] * len(samples)
    for fold in range(FOLDS):
        progress(f"fold {fold + 1} of {FOLDS}")
        first, second = material.fit([k for k in range(len(samples)) if folds[k] != fold])
        for k in range(len(samples)):
            if folds[k] == fold and len(samples[k].share):
                found[k] = second_scores(samples[k].analysed, first_scores(samples[k].analysed, first), second)
    return found


class _Material:
    """The blocks that are learned from, their columns cut into bins once for all folds."""

    def __init__(self, samples: Sequence[Sample], seed: int) -> None:
        self.samples = samples
        self.seed = seed
        self.chosen = [_chosen(len(sample.share), number, seed) for number, sample in enumerate(samples)]
        self.begin = np.concatenate([[0], np.cumsum([len(chosen) for chosen in self.chosen])])
        pairs = list(zip(samples, self.chosen, strict=True))
        self.label = np.concatenate([sample.share[chosen] >= 0.5 for sample, chosen in pairs])
        # What is drawn stands for the whole page.
        self.weight = np.concatenate(
            [sample.weight[chosen] * (len(sample.share) / max(1, len(chosen))) for sample, chosen in pairs]
        )
        self.binned = cut(np.concatenate([_columns(sample)[chosen] for sample, chosen in pairs]), seed)

    def fit(self, numbers: Sequence[int]) -> tuple[Trees, Trees]:
        """Both looks, of these samples."""
        rows = self._rows(numbers)
        second = np.empty((self.begin[-1], stack.COUNT), np.float32)
        folds = [fold_of(self.samples[k].host, INNER_FOLDS, "inner") for k in numbers]
        for fold in range(INNER_FOLDS):
            seen = self._rows([k for k, at in zip(numbers, folds, strict=True) if at != fold])
            trees = self._grow(self.binned, seen, seen, FIRST)
            for k, at in zip(numbers, folds, strict=True):
                if at == fold and len(self.chosen[k]):
                    analysed = self.samples[k].analysed
                    more = second_columns(analysed, first_scores(analysed, trees))
                    second[self.begin[k] : self.begin[k + 1]] = more[self.chosen[k]]
        first = self._grow(self.binned, rows, rows, FIRST)
        added = cut(second[rows], self.seed)
        bins = np.vstack([self.binned.bins[:, rows], added.bins])
        both = Binned(bins, [*self.binned.edges, *added.edges])
        return first, self._grow(both, np.arange(len(rows)), rows, SECOND)

    def _grow(self, binned: Binned, places: Array, rows: Array, options: Options) -> Trees:
        """Trees for these rows of the material, which stand at `places` in the bins."""
        label, weight = self.label[rows], self.weight[rows]
        members = range(self.seed * MEMBERS, (self.seed + 1) * MEMBERS)
        return mean([grow(binned, places, label, weight, options, seed) for seed in members])

    def _rows(self, numbers: Sequence[int]) -> Array:
        return np.concatenate([np.arange(self.begin[k], self.begin[k + 1]) for k in numbers])


def _chosen(blocks: int, number: int, seed: int) -> Array:
    if blocks <= MOST_BLOCKS:
        return np.arange(blocks)
    return np.sort(np.random.default_rng([seed, number]).choice(blocks, MOST_BLOCKS, replace=False))


def _columns(sample: Sample) -> Array:
    analysed, blocks = sample.analysed, len(sample.share)
    parts = [features(analysed.page, analysed.known, low, min(blocks, low + CHUNK)) for low in range(0, blocks, CHUNK)]
    return np.concatenate(parts) if parts else np.empty((0, COUNT), np.float32)
