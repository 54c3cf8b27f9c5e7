"""`curate pii`: a tagger of names and addresses, for what no pattern finds; off unless a run asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli.quality import Recipe
from workbench import console
from workbench.console import Result, Screen, command
from workbench.options import DEFAULT_ROOT, Force, Out, Root, Seed, Sets
from workbench.render import Block, Table

app = console.group("pii", "A tagger of names and addresses, learned from texts with marked spans.")
SpanFiles = Annotated[
    list[Path] | None, typer.Option("--labelled", metavar="FILE", help="Texts with spans; may be repeated.")
]


@app.command("train")
@command("curate.pii.train/1")
def train(
    screen: Screen,
    recipe: Recipe = None,
    labelled: SpanFiles = None,
    out: Out = None,
    seed: Seed | None = None,
    sets: Sets = None,
    root: Root = DEFAULT_ROOT,
    force: Force = False,
) -> Result:
    """Train on marked spans, and judge on texts of templates that were held out."""
    from curate.classify import pii
    from curate.classify.sources import flag_path, settings_of

    flags: dict[str, Any] = {} if seed is None else {"seed": seed}
    if labelled:
        flags["labelled"] = [{"path": flag_path(recipe, str(path))} for path in labelled]
    settings, folder = settings_of(pii.Pii, recipe, flags, sets or [])
    done = pii.write(settings, folder, out=out, root=root, force=force, attach=screen.attach)
    data = {"was_done": done.was_done, "evaluation": done.evaluation}
    return Result(data, [*report(done.evaluation), f"written to {done.run.path}"], done.run.path)


@app.command("eval")
@command("curate.pii.eval/1")
def evaluate(
    screen: Screen,
    trained: Annotated[str, typer.Argument(metavar="MODEL", help="A run that trained a tagger.")],
    recipe: Recipe = None,
    labelled: SpanFiles = None,
    sets: Sets = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Judge a tagger on other texts with spans."""
    from curate.classify import pii
    from curate.classify.sources import flag_path, settings_of

    flags = {"labelled": [{"path": flag_path(recipe, str(path))} for path in labelled]} if labelled else {}
    settings, folder = settings_of(pii.Pii, recipe, flags, sets or [])
    texts, _ = pii.read(settings, folder)
    evaluation = pii.judge(texts, pii.load(trained, root), settings.threshold)
    return Result({"evaluation": evaluation}, report(evaluation))


def report(evaluation: Mapping[str, Any]) -> list[Block]:
    """One row for each kind."""
    names = ("precision", "recall", "f1", "touched", "character_precision", "character_recall")
    rows = [
        [kind, row["spans"], row["found"], *(f"{row[name]:.3f}" for name in names)]
        for kind, row in evaluation["by_kind"].items()
    ]
    heads = ["kind", "spans", "found", "precision", "recall", "F1", "touched", "char. precision", "char. recall"]
    return [
        Table(heads, rows, f"{evaluation['texts']:,} texts", "whole spans, both ends right; touched: any part of one")
    ]
