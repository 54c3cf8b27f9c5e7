"""`curate domains`: what a page is about, and what kind of page it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli.quality import Engine, Labelled, Recipe, used_table
from workbench import console
from workbench.console import Result, Screen, command
from workbench.errors import UserError
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Root, Seed, Sets
from workbench.render import Block, Facts, Table

app = console.group("domains", "A classifier of topics or formats: from seed terms, labelled files, or clusters.")
On = Annotated[
    list[str] | None,
    typer.Option("--on", metavar="PATH|RUN", help="Texts without labels: a folder, file or run; may be repeated."),
]
TaxonomyName = Annotated[
    str | None,
    typer.Option("--taxonomy", metavar="topics|formats|FILE", help="Labels with seed terms (default: topics)."),
]


@app.command("train")
@command("curate.domains.train/1")
def train(
    screen: Screen,
    recipe: Recipe = None,
    on: On = None,
    taxonomy: TaxonomyName = None,
    clusters: Annotated[
        int | None, typer.Option("--clusters", metavar="N", help="Find N groups of alike texts.")
    ] = None,
    labelled: Labelled = None,
    engine: Engine = None,
    out: Out = None,
    seed: Seed | None = None,
    sets: Sets = None,
    root: Root = DEFAULT_ROOT,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """Train on labelled examples, or on labels that seed terms or clusters give, and judge on what was held out."""
    from curate.classify import config, domains, model, training
    from curate.classify.settings import Domains
    from curate.classify.sources import flag_values, settings_of

    flags: dict[str, Any] = flag_values("texts", on, recipe, root) | flag_values("labelled", labelled, recipe, root)
    given = {"taxonomy": taxonomy, "clusters": clusters, "engine": engine, "seed": seed}
    flags |= {name: value for name, value in given.items() if value is not None}
    if on and taxonomy is None and clusters is None and recipe is None:
        flags["taxonomy"] = "topics"
    settings, folder = settings_of(Domains, recipe, flags, sets or [])
    ready, reads = domains.prepare(settings, folder, root)
    if dry_run:
        used = training.used(ready.frame)
        return Result({"used": used, "warnings": ready.notes}, [used_table(used)])
    for note in ready.notes:
        screen.warn(note)
    described = model.describe(config.DOMAINS, settings, ready.labels, reads=reads)
    done = training.write(
        config.DOMAINS,
        settings,
        described,
        ready,
        domains.judge,
        out=out,
        root=root,
        force=force,
        attach=screen.attach,
        more=_taxonomy(settings.taxonomy, folder),
    )
    data = {"was_done": done.was_done, "evaluation": done.evaluation}
    return Result(data, [*report(done.evaluation), f"written to {done.run.path}"], done.run.path)


@app.command("eval")
@command("curate.domains.eval/1")
def evaluate(
    screen: Screen,
    trained: Annotated[str, typer.Argument(metavar="MODEL", help="A run that trained a classifier.")],
    labelled: Labelled = None,
    on: On = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Judge a model on labelled files, or say how the texts of a run divide."""
    from curate.classify import config, domains, model, training
    from curate.classify.examples import Reader
    from curate.classify.settings import Training
    from curate.classify.sources import flag_source, flag_values, settings_of

    _, found = model.load(trained, root, config.DOMAINS)
    settings, folder = settings_of(Training, None, flag_values("labelled", labelled, None, root), [])
    sources = [*settings.labelled, *(flag_source(name, None, root) for name in on or [])]
    read = Reader(folder, root, piece=settings.piece, seed=settings.seed).read({}, sources)
    if read.frame.is_empty():
        raise UserError("nothing to judge the model on", hint="name --labelled or --on")
    for note in read.notes:
        screen.warn(note)
    frame = training.scored(training.measured(read.frame), found)
    known = frame.filter(frame["label"].is_in(found.labels))
    if labelled:
        if known.is_empty():
            there = ", ".join(sorted(set(frame["label"].drop_nulls()))[:8])
            raise UserError(f"no label of the files is one of the model's: {there}", hint=", ".join(found.labels[:8]))
        if known.height < frame.height:
            screen.warn(f"{frame.height - known.height:,} texts have labels that the model does not know")
        evaluation = domains.judge(known, found)
    else:
        evaluation = {"predicted": domains.predicted(frame)}
    return Result({"evaluation": evaluation}, report(evaluation))


def report(evaluation: Mapping[str, Any]) -> list[Block]:
    """The tables of an evaluation."""
    from curate.classify.card import figures

    blocks: list[Block] = []
    facts = figures(evaluation)
    if facts:
        blocks.append(Facts(facts, "Held out" if "used" in evaluation else "Labelled texts"))
    if evaluation.get("classes"):
        rows = [
            [row["label"], row["examples"], *(f"{row[name]:.3f}" for name in ("precision", "recall", "f1"))]
            for row in evaluation["classes"]
        ]
        blocks.append(Table(["label", "examples", "precision", "recall", "F1"], rows, "By label"))
    rows = [[row["predicted"], row["texts"], row["tokens"]] for row in evaluation.get("predicted", [])]
    blocks.append(Table(["predicted", "texts", "tokens (est.)"], rows, "Predicted"))
    return blocks


def _taxonomy(name: str | None, folder: Path) -> dict[str, Any]:
    """The resolved taxonomy belongs to the recipe of the run: its file may change."""
    if name is None:
        return {}
    from curate.classify.taxonomy import load_taxonomy

    return {"taxonomy": load_taxonomy(name, folder).model_dump(mode="json")}
