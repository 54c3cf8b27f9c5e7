"""`curate extract`: the extractor's model, trained on pages that the user names; engines beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workbench import console
from workbench.console import Result, Screen, command
from workbench.errors import UserError
from workbench.options import Seed
from workbench.render import Block, Facts, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from curate.extract.learn.evaluate import Scores

app = console.group("extract", "The main-text extractor: train its model, judge engines, look at a page's blocks.")

Folder = Path | None
Articles = Annotated[
    Folder, typer.Option("--articles", metavar="DIR", help="Pages with their whole text: ground-truth.json and html/.")
]
Segments = Annotated[
    Folder, typer.Option("--segments", metavar="DIR", help="Pages with segments to find and to leave out: gold.json.")
]
Crawl = Annotated[
    Folder, typer.Option("--crawl", metavar="DIR", help="WARC files: of --sites, of --pages, and without labels.")
]
Sites = Annotated[
    Folder, typer.Option("--sites", metavar="FILE.yaml", help="Where sites keep their text, as selectors.")
]
Pages = Annotated[
    Folder, typer.Option("--pages", metavar="FILE.jsonl", help="A gold set: ids of pages and hashes of their blocks.")
]
ModelFile = Annotated[
    Folder, typer.Option("--model", metavar="FILE", help="A trained model (default: the one that comes with winnow).")
]
Favor = Annotated[
    str, typer.Option("--favor", metavar="precision|balanced|recall", help="What doubtful blocks count as.")
]


@app.command("train")
@command("curate.extract.train/1")
def train(
    screen: Screen,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where model, scores and card are written.")],
    articles: Articles = None,
    segments: Segments = None,
    crawl: Crawl = None,
    sites: Sites = None,
    pages: Pages = None,
    seed: Seed = 0,
) -> Result:
    """Train a model: judged on hosts it has not seen, then made of all pages."""
    from curate.extract.learn.card import write_card
    from curate.extract.learn.train import Sources, train

    if out.exists():
        raise UserError(f"{out} exists", hint="name a directory that does not")
    trained = train(Sources(articles, segments, crawl, sites, pages), seed, screen.progress.print)
    write_card(trained, out)
    blocks: list[Block] = []
    for favor, scores in trained.scores.items():
        blocks += score_tables({favor: scores})
    data = {"digest": trained.digest, "pages": trained.pages, "scores": _plain(trained.scores)}
    return Result(data, [*blocks, f"written to {out}"])


@app.command("eval")
@command("curate.extract.eval/1")
def evaluate(
    screen: Screen,
    articles: Articles = None,
    segments: Segments = None,
    crawl: Crawl = None,
    pages: Pages = None,
    model: ModelFile = None,
    favor: Favor = "balanced",
    engine: Annotated[
        list[str] | None, typer.Option("--engine", metavar="NAME", help="An engine (default: all); may be repeated.")
    ] = None,
) -> Result:
    """Judge engines on labelled pages: precision, recall, F1, CPU time a page.

    The model that comes with winnow has seen the pages it was trained on: its scores on hosts it had not seen are
    those of its card.
    """
    from curate.extract import ENGINES
    from curate.extract.learn.evaluate import model_or_builtin, run_engine
    from curate.extract.learn.train import Sources, read_pages

    labelled = read_pages(Sources(articles, segments, crawl, None, pages))
    scores, costs = {}, []
    for name in engine or ENGINES:
        run = run_engine(labelled, name, favor_of(favor), model_or_builtin(model))
        scores[name] = run.scores
        costs.append([name, f"{run.ms:.2f}", f"{run.ms_running:.2f}"])
    blocks = score_tables(scores)
    blocks.append(Table(["engine", "with its start", "running"], costs, f"CPU ms a page, {len(labelled)} pages"))
    return Result({"scores": _plain(scores), "ms": costs}, blocks)


@app.command("show")
@command("curate.extract.show/1")
def show(
    screen: Screen,
    page: Annotated[Path, typer.Argument(metavar="PAGE.html", help="A page on this machine.")],
    model: ModelFile = None,
    favor: Favor = "balanced",
) -> Result:
    """The blocks of a page with their scores, kept and dropped."""
    from curate.cli.page import block_table
    from curate.extract.explain import blocks_of
    from curate.sources.charset import decode

    try:
        html = decode(page.read_bytes(), None)[0]
    except OSError as error:
        raise UserError(f"{page} cannot be read: {error}") from error
    found = blocks_of(html, favor_of(favor), model)
    data = found._asdict() | {"blocks": [block._asdict() for block in found.blocks]}
    stated = Facts([("title", found.title), ("date", found.date), ("author", found.author)])
    return Result(data, [stated, block_table(data["blocks"], found.least)])


def favor_of(name: str) -> Literal["precision", "balanced", "recall"]:
    """A point of the dial. Raises UserError for another word."""
    from curate.extract.engines.settings import FAVORS
    from workbench.errors import did_you_mean

    for favor in FAVORS:
        if favor == name:
            return favor
    raise UserError(f"nothing to favour is called '{name}'", hint=did_you_mean(name, FAVORS))


def score_tables(scores: Mapping[str, Scores]) -> list[Block]:
    """One table a kind of measure, one row an engine or a point of the dial."""
    blocks: list[Block] = []
    for field, title in (("articles", "Articles, 4-word shingles"), ("segments", "Segments")):
        short = [[name, *_three(own)] for name, found in scores.items() if (own := getattr(found, field)) is not None]
        if short:
            blocks.append(Table(["", "precision", "recall", "F1"], short, title))
    for field, title in (("kinds", "Other pages by kind"), ("langs", "Other pages by language")):
        rows: list[list[object]] = [
            [key, int(row["pages"]), name, *_three(row)]
            for name, found in scores.items()
            for key, row in getattr(found, field).items()
        ]
        if rows:
            rows.sort(key=lambda row: str(row[0]))
            blocks.append(Table(["", "pages", "", "precision", "recall", "F1"], rows, title))
    return blocks


def _three(row: Mapping[str, float]) -> list[str]:
    return [f"{row[name]:.3f}" for name in ("precision", "recall", "f1")]


def _plain(scores: Mapping[str, Scores]) -> dict[str, dict[str, object]]:
    return {name: found._asdict() for name, found in scores.items()}
