"""Taxonomies: labels with seed terms, and the labels that texts get from the terms they hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from curate.classify.model import batch_of
from curate.classify.pages import url_words
from curate.measures.batch import Batch
from workbench import recipes
from workbench.errors import UserError, did_you_mean
from workbench.recipes import Section

SHIPPED = Path(__file__).with_name("taxonomies")
_PAIR = np.uint64(0xFF51AFD7ED558CCD)
_PATH = 2.0  # a word of the URL says as much as two terms
_CHUNK = 256


class Label(Section):
    """What speaks for a label: terms of one or two words (their plural in -s too), and words of the URL."""

    terms: list[str] = Field(min_length=1)
    paths: list[str] = Field(default_factory=list)


class Taxonomy(Section):
    """Labels by name. `reads: page` lets the classifier see the page's shape and URL beside its words."""

    name: str = ""
    source: str = ""
    reads: Literal["words", "page"] = "words"
    labels: dict[str, Label] = Field(min_length=2)
    least_terms: int = Field(default=2, ge=1)
    """A text is labelled when it holds this many different terms of a label (words of its URL count) ..."""
    margin: float = Field(default=1.3, ge=1)
    """... and they weigh this many times as much as those of any other label."""


def load_taxonomy(name: str, folder: Path = Path()) -> Taxonomy:
    """A shipped taxonomy (`topics`, `formats`), or one of the user's from YAML. UserError with file and line."""
    if name.endswith((".yaml", ".yml")):
        node = recipes.from_file(folder / name)
    else:
        shipped = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
        if name not in shipped:
            hint = did_you_mean(name, shipped) or f"there are {', '.join(shipped)}; or name a file.yaml"
            raise UserError(f"no taxonomy is called '{name}'", hint=hint)
        node = recipes.from_file(SHIPPED / f"{name}.yaml", f"taxonomy {name}")
    found = recipes.resolve(Taxonomy, [node]).recipe
    for label, one in found.labels.items():
        for term in one.terms:
            if not 1 <= len(_words(term)) <= 2:
                raise UserError(f"taxonomy {name}: '{term}' of {label} is not one or two words", hint="shorten it")
    return found


class Weak(NamedTuple):
    """The label of each text by its place among the labels, -1 where none is clear; and the weights of all labels."""

    label: NDArray[np.int64]  # [texts]
    weights: NDArray[np.float64]  # [texts, labels]


def weak_labels(taxonomy: Taxonomy, texts: Sequence[str], urls: Sequence[str | None]) -> Weak:
    """Labels by seed terms. A term weighs ln(texts / texts that hold it) times 1 + ln(its count)."""
    terms = [(place, term) for place, label in enumerate(taxonomy.labels.values()) for term in label.terms]
    owner = np.array([place for place, _ in terms])
    counts = np.concatenate([np.zeros((0, len(terms))), *_counts([term for _, term in terms], texts)])
    holding = (counts > 0).sum(axis=0)
    rarity = np.log((len(texts) + 1) / (holding + 1))
    weighed = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0.0) * rarity
    labels = len(taxonomy.labels)
    weights, different = np.zeros((len(texts), labels)), np.zeros((len(texts), labels))
    for place in range(labels):
        mine = owner == place
        weights[:, place] = weighed[:, mine].sum(axis=1)
        different[:, place] = (counts[:, mine] > 0).sum(axis=1)
    usual = float(np.median(rarity[holding > 0])) if (holding > 0).any() else 1.0
    paths = [set(label.paths) for label in taxonomy.labels.values()]
    for row, url in enumerate(urls):
        words = set(url_words(url))
        for place, wanted in enumerate(paths):
            hits = len(words & wanted)
            weights[row, place] += hits * _PATH * usual
            different[row, place] += hits * taxonomy.least_terms  # an address can be enough
    clear = np.where(different >= taxonomy.least_terms, weights, 0.0)
    best = clear.argmax(axis=1)
    rows = np.arange(len(texts))
    others = weights.copy()
    others[rows, best] = 0.0
    sure = (clear[rows, best] > 0) & (clear[rows, best] >= taxonomy.margin * others.max(axis=1))
    return Weak(np.where(sure, best, -1), weights)


def _counts(terms: Sequence[str], texts: Sequence[str]) -> list[NDArray[np.float64]]:
    """How often each text holds each term, float64[texts, terms], some texts at a time."""
    forms = [(place, form) for place, term in enumerate(terms) for form in (term, f"{term}s")]
    keys = np.array([_key(form) for _, form in forms], np.uint64)
    order = np.argsort(keys, kind="stable")
    keys, places = keys[order], np.array([place for place, _ in forms])[order]
    found = []
    for begin in range(0, len(texts), _CHUNK):
        batch = batch_of(texts[begin : begin + _CHUNK])
        counts = np.zeros((batch.docs, len(terms)))
        for hashed, owner in _keys(batch):
            low, high = np.searchsorted(keys, hashed, "left"), np.searchsorted(keys, hashed, "right")
            for step in range(int((high - low).max(initial=0))):  # a term may stand under several labels
                here = low + step < high
                np.add.at(counts, (owner[here], places[(low + step)[here]]), 1)
        found.append(counts)
    return found


def _keys(batch: Batch) -> list[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
    """Keys of the words and of the word pairs of a batch, each with its document."""
    ids, first = batch.segments.lower_ids("words_uax29"), batch.segments.words_uax29.first
    owner = np.repeat(np.arange(batch.docs), np.diff(first))
    same = owner[:-1] == owner[1:]
    pairs = (ids[:-1] * _PAIR + ids[1:])[same]
    return [(ids, owner), (pairs, owner[:-1][same])]


def _words(term: str) -> NDArray[np.uint64]:
    return batch_of([term]).segments.lower_ids("words_uax29")


def _key(term: str) -> np.uint64:
    words = _words(term)
    return np.uint64(words[0] if len(words) == 1 else (words[:1] * _PAIR + words[1:])[0])
