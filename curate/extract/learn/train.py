"""The whole training: labelled pages in, a model file, its scores on unseen hosts and a card out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from curate.extract import Extractor
from curate.extract.engines.settings import FAVORS, Favor
from curate.extract.learn import fit
from curate.extract.learn.evaluate import Scores, evaluate
from curate.extract.learn.labels import SURE_WEIGHT, by_segments, by_text, texts_of
from curate.extract.learn.pages import read_gold
from curate.extract.learn.recurrence import recurring_pages
from curate.extract.learn.score import Shares, count_segments, mean_shares, page_shares
from curate.extract.learn.sites import load_rules, site_pages
from curate.extract.learn.sources import Labelled, read_articles, read_segments
from curate.extract.learn.threads import threads
from curate.extract.winnow.analyse import analyse
from curate.extract.winnow.names import ID
from curate.extract.winnow.trees import Array, Model, digest_of
from curate.extract.winnow.write import write_kept
from workbench.errors import UserError

# Where the least score of a kept block is looked for, by the sum of F1 on pages other than those judged.
LIMITS = tuple(step / 8 for step in range(-8, 13))
# From there to the other points of the dial; a score is the logarithm of odds.
DIAL: dict[Favor, float] = {"precision": 0.8, "balanced": 0.0, "recall": -0.8}
PER_SITE = 8
THREADS = 6  # pages of every program of forums
# What a page of a source counts for. Segments' pages are labelled in part by other extractors.
WEIGHTS = {"articles": 4.0, "segments": 1.0, "pages": 0.25, "gold": 0.25, "threads": 0.25, "recurring": 0.1}
# Text of the crawl's few sites counts for more than what surrounds it: of its kinds of page the model sees few others.
TEXT_WEIGHT = 2.5


class Sources(NamedTuple):
    """Folders to learn from; `gold` are pages of the crawl to judge by, learned from only where their host may be.

    Of the crawl's hosts `without`, nothing is learned.
    """

    articles: Path | None = None
    segments: Path | None = None
    crawl: Path | None = None
    sites: Path | None = None
    gold: Path | None = None
    without: frozenset[str] = frozenset()


class Trained(NamedTuple):
    """The model, its scores on hosts it had not seen at each point of the dial, and how many pages of what."""

    model: Model
    digest: str
    scores: dict[str, Scores]
    pages: dict[str, int]


def read_pages(sources: Sources) -> list[Labelled]:
    """All labelled pages; those of the gold set have the source "gold". Raises UserError where there are none."""
    found: list[Labelled] = []
    if sources.articles is not None:
        found += read_articles(sources.articles)
    if sources.segments is not None:
        found += read_segments(sources.segments)
    skip: frozenset[str] = frozenset()
    if sources.crawl is not None and sources.gold is not None:
        gold = read_gold(sources.gold, sources.crawl)
        skip = frozenset(page.id for page in gold)
        found += [Labelled("gold", page.html, page.host, page.kind, page.lang, page.truth) for page in gold]
    if sources.crawl is not None and sources.sites is not None:
        rules = load_rules(sources.sites)
        for page in site_pages(sources.crawl, rules, PER_SITE, skip):
            found.append(Labelled("pages", page.html, page.host, page.kind, page.lang, page.truth))
    found = [page for page in found if page.host not in sources.without]
    if not found:
        raise UserError("no labelled pages", hint="name --articles, --segments, or --crawl with --sites or --pages")
    return found


def thread_pages() -> list[Labelled]:
    """Made pages of forums, each program a host of its own: forums are rare among labelled pages."""
    return [
        Labelled("threads", page.html, f"{page.program}.thread", "forum", page.lang, page.truth)
        for page in threads(THREADS)
    ]


def recurring_samples(sources: Sources) -> list[fit.Sample]:
    """Pages of the crawl, labelled by nothing but which of their blocks other pages of their host have, too."""
    if sources.crawl is None:
        return []
    return [
        fit.Sample(page.analysed, page.host, page.share, _weights(page.known, page.words, WEIGHTS["recurring"]))
        for page in recurring_pages(sources.crawl, sources.without)
    ]


def samples_of(pages: Sequence[Labelled]) -> list[fit.Sample]:
    """Blocks with labels and weights; pages of segments are read by both other engines first."""
    partly = [(page.html, None) for page in pages if page.truth is None]
    silver: dict[str, list[str]] = {}
    for engine in ("trafilatura", "resiliparse") if partly else ():
        with Extractor(engine) as extractor:
            silver[engine] = [found.text for found in extractor.extract(partly)]
    samples, at = [], 0
    for page in pages:
        analysed = analyse(page.html)
        texts = texts_of(analysed)
        if page.truth is not None:
            share, size = by_text(texts, page.truth)
            weight = np.ones(len(texts))
        else:
            texts_by = silver["trafilatura"][at], silver["resiliparse"][at]
            share, size, weight = by_segments(texts, page.with_, page.without, *texts_by)
            # Whether a title is part of the text is a matter of taste, and not to be learned from another extractor.
            titles = analysed.page.tag[analysed.page.block_node] == ID["h1"]
            weight[titles & (weight < SURE_WEIGHT)] = 0.0
            at += 1
        weight = _weights(weight, size, WEIGHTS[page.source])
        if page.source in ("pages", "gold"):
            weight[share >= 0.5] *= TEXT_WEIGHT
        samples.append(fit.Sample(analysed, page.host, share, weight))
    return samples


def _weights(weight: Array, words: Array, page: float) -> Array:
    """A block counts by the root of its words, a page by the root of its blocks, so that no long page rules."""
    found = weight * np.sqrt(np.clip(words, 1, 100))
    scaled: Array = page * found / max(1e-9, found.sum()) * np.sqrt(len(found))
    return scaled


class _Quality(NamedTuple):
    """A page's agreement at every limit: shingles' precision and recall, or counts of segments; and what page it is."""

    kind: str
    shares: list[Shares] | None
    counts: list[tuple[int, int, int]] | None


def _quality(page: Labelled, sample: fit.Sample, score: Array) -> _Quality:
    kind = {"articles": "article", "segments": "segments", "gold": page.kind}.get(page.source, "")
    if not kind:
        return _Quality("", None, None)
    texts = [write_kept(sample.analysed, score, limit) if len(score) else "" for limit in LIMITS]
    if page.truth is not None:
        return _Quality(kind, [page_shares(text, page.truth) for text in texts], None)
    return _Quality(kind, None, [count_segments(text, page.with_, page.without) for text in texts])


def best_limit(table: Sequence[_Quality]) -> float:
    """The limit around which F1 is best: of articles, of segments and of all other kinds of page, each a third.

    Around: the mean with the limits on both sides, since a few pages make single points of the curve jump. Zero where
    there is nothing to judge by.
    """
    totals = np.zeros(len(LIMITS))
    segments = [row.counts for row in table if row.counts is not None]
    kinds = sorted({row.kind for row in table if row.shares is not None})
    others = max(1, sum(kind != "article" for kind in kinds))
    for number in range(len(LIMITS)):
        right, missed, wrong = (sum(counts[number][k] for counts in segments) for k in range(3))
        totals[number] = 2 * right / max(1, 2 * right + missed + wrong)
        for kind in kinds:
            rows = [row.shares[number] for row in table if row.shares is not None and row.kind == kind]
            totals[number] += mean_shares(rows)["f1"] / (1 if kind == "article" else others)
    if not totals.any():
        return 0.0
    return LIMITS[int(np.argmax(np.convolve(totals, np.full(3, 1 / 3), "valid"))) + 1]


def train(sources: Sources, seed: int = 0, progress: Callable[[str], None] = lambda _: None) -> Trained:
    """Judges the method on unseen hosts, then trains on all pages.

    Made pages of forums, and pages of the crawl by what recurs on their hosts, are learned from as well.
    """
    progress("reading")
    pages = read_pages(sources)
    for parts, salt in ((fit.FOLDS, "outer"), (fit.INNER_FOLDS, "inner")):
        if len({fit.fold_of(page.host, parts, salt) for page in pages}) < parts:
            raise UserError(
                "the pages are of too few hosts to judge a model", hint="name pages of twenty hosts or more"
            )
    pages += thread_pages()
    samples = samples_of(pages)
    recurring = recurring_samples(sources)
    found = fit.cross_validate([*samples, *recurring], seed, progress)[: len(samples)]
    progress("the limit of the score")
    folds = [fit.fold_of(sample.host, fit.FOLDS, "outer") for sample in samples]
    table = [_quality(page, sample, score) for page, sample, score in zip(pages, samples, found, strict=True)]
    limits = [
        best_limit([row for row, at in zip(table, folds, strict=True) if at != fold]) for fold in range(fit.FOLDS)
    ]
    scores: dict[str, Scores] = {}
    for favor in FAVORS:
        texts = [
            write_kept(sample.analysed, score, limits[fold] + DIAL[favor]) if len(score) else ""
            for sample, score, fold in zip(samples, found, folds, strict=True)
        ]
        scores[favor] = evaluate(pages, texts)
    counts = {name: sum(page.source == name for page in pages) for name in dict.fromkeys(p.source for p in pages)}
    if recurring:
        counts["recurring"] = len(recurring)
    progress("all pages")
    limit = best_limit(table)
    at = {favor: limit + step for favor, step in DIAL.items()}
    facts: dict[str, Any] = {"limits": at, "limits_of_folds": limits, "pages": counts, "seed": seed}
    model = fit.fit([*samples, *recurring], facts, seed)
    return Trained(model, digest_of(model), scores, counts)
