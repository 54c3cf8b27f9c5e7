"""Scores of extracted texts by source, kind of page and language."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from curate.extract import Extractor
from curate.extract.engines.settings import BUILTIN, EngineSettings, Favor
from curate.extract.learn.score import mean_shares, page_shares, score_articles, score_segments
from curate.extract.learn.sources import Labelled

# Sources whose pages have their whole text, and are judged by kind and language.
_WHOLE = ("gold", "pages")


class Scores(NamedTuple):
    """Precision, recall and F1 of articles, of segments, of other whole pages; of the gold set by kind and language."""

    articles: dict[str, float] | None
    segments: dict[str, float] | None
    pages: dict[str, dict[str, float]]
    kinds: dict[str, dict[str, float]]
    langs: dict[str, dict[str, float]]


def evaluate(pages: Sequence[Labelled], texts: Sequence[str]) -> Scores:
    """Scores of the texts, one a page."""
    both = list(zip(pages, texts, strict=True))
    articles = [(text, page.truth or "") for page, text in both if page.source == "articles"]
    segments = [(text, (page.with_, page.without)) for page, text in both if page.source == "segments"]
    shares = [
        (page, page_shares(text, page.truth)) for page, text in both if page.source in _WHOLE and page.truth is not None
    ]

    def by(names: Sequence[str | None]) -> dict[str, dict[str, float]]:
        return {
            name: mean_shares([row for (_, row), own in zip(shares, names, strict=True) if own == name])
            | {"pages": float(sum(own == name for own in names))}
            for name in sorted({name for name in names if name is not None})
        }

    return Scores(
        score_articles(*map(list, zip(*articles, strict=True))) if len(articles) > 1 else None,
        score_segments([text for text, _ in segments], [row for _, row in segments]) if segments else None,
        by([page.source for page, _ in shares]),
        by([page.kind if page.source == "gold" else None for page, _ in shares]),
        by([page.lang if page.source == "gold" else None for page, _ in shares]),
    )


class Run(NamedTuple):
    """An engine's scores, and CPU milliseconds a page, parent and child, with and without the child's start."""

    scores: Scores
    ms: float
    ms_running: float


def run_engine(
    pages: Sequence[Labelled], engine: str, favor: Favor = "balanced", model: str = BUILTIN, rounds: int = 1
) -> Run:
    """Extracts all pages as a pipeline would. The time without the start is that of the pages read once more."""
    html = [(page.html, None) for page in pages]
    began = cpu_s()
    with Extractor(engine, settings=EngineSettings(favor, model)) as extractor:
        texts = [found.text for found in extractor.extract(html)]
    once = cpu_s() - began
    began = cpu_s()
    with Extractor(engine, settings=EngineSettings(favor, model)) as extractor:
        for _ in range(rounds + 1):
            extractor.extract(html)
    more = (cpu_s() - began - once) / rounds
    return Run(evaluate(pages, texts), 1000 * once / len(pages), 1000 * more / len(pages))


def cpu_s() -> float:
    """CPU seconds so far of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def model_or_builtin(path: Path | None) -> str:
    """How an engine's settings name a model file."""
    return BUILTIN if path is None else str(path.absolute())
