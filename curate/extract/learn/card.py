"""What a trained model leaves behind: the file, its scores, and a card that a person reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from curate.extract.learn.evaluate import Scores
from curate.extract.learn.train import Trained
from curate.extract.winnow.trees import save
from workbench.files import whole_directory

MODEL, CARD, SCORES = "extractor.model", "card.md", "scores.json"


def write_card(trained: Trained, out: Path) -> None:
    """Writes model, scores and card to a new directory, all or nothing."""
    with whole_directory(out) as folder:
        save(trained.model, folder / MODEL)
        scores = {favor: found._asdict() for favor, found in trained.scores.items()}
        described = {"digest": trained.digest, "pages": trained.pages, "scores": scores}
        (folder / SCORES).write_text(json.dumps(described, indent=1, sort_keys=True) + "\n", "utf-8")
        (folder / CARD).write_text("\n".join(card(trained)) + "\n", "utf-8")


def card(trained: Trained) -> Iterator[str]:
    """The lines of the card, in Markdown."""
    yield "# Main-text extractor"
    yield ""
    yield "Boosted trees that judge every block of a page: first by itself and its surroundings, then by what the first"
    yield "look says of the blocks around it."
    yield ""
    yield f"- trained on: {', '.join(f'{count} {name}' for name, count in trained.pages.items())}"
    trees = len(trained.model.first.feature), len(trained.model.second.feature)
    yield f"- trees: {trees[0]} and {trees[1]}"
    yield f"- digest: `{trained.digest}`"
    limits = ", ".join(f"{favor} {limit:+.2f}" for favor, limit in trained.model.limits.items())
    yield f"- least score of a kept block: {limits}"
    yield ""
    yield "All scores are of pages whose host the judged model had not seen, with the least score that was best on the"
    yield "pages of other folds."
    yield ""
    yield "| favor | pages | precision | recall | F1 |"
    yield "|---|---|---:|---:|---:|"
    for favor, scores in trained.scores.items():
        for name, row in _rows(scores):
            yield f"| {favor} | {name} | {row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f} |"
    yield ""
    yield "What it is not for: finding the one post of a thread that matters, or the data in an interactive page."


def _rows(scores: Scores) -> Iterator[tuple[str, dict[str, float]]]:
    if scores.articles is not None:
        yield "articles", scores.articles
    if scores.segments is not None:
        yield "segments", scores.segments
    for group, found in (("kind", scores.kinds), ("language", scores.langs)):
        for name, row in found.items():
            yield f"{group}: {name} ({row['pages']:.0f})", row
