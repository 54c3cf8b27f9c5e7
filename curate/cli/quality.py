"""`curate quality`: a classifier of good text, from examples that the user names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench import console
from workbench.console import Result, Screen, command
from workbench.errors import UserError
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Root, Seed, Sets
from workbench.render import Block, Facts, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curate.classify.settings import Quality

app = console.group("quality", "A classifier of good text: train one on examples you name, and judge it on others.")

Recipe = Annotated[Path | None, typer.Argument(metavar="[RECIPE.yaml]", help="Sources and settings.")]
Positive = Annotated[
    list[str] | None,
    typer.Option("--positive", metavar="PATH|RUN", help="Good text: a folder, file or run; may be repeated."),
]
Negative = Annotated[
    list[str] | None,
    typer.Option("--negative", metavar="PATH|RUN", help="The other side, such as a raw crawl; may be repeated."),
]
Labelled = Annotated[
    list[str] | None,
    typer.Option("--labelled", metavar="FILE:FIELD", help="A file whose rows carry a label in FIELD."),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--labels", metavar="RUN:ABOUT", help="Documents of a run that people called good or bad on a question."
    ),
]
Engine = Annotated[str | None, typer.Option("--engine", metavar="linear|fasttext", help="What learns.")]
_SHOWN = 12


@app.command("train")
@command("curate.quality.train/1")
def train(
    screen: Screen,
    recipe: Recipe = None,
    positive: Positive = None,
    negative: Negative = None,
    labelled: Labelled = None,
    labels: Labels = None,
    engine: Engine = None,
    out: Out = None,
    seed: Seed | None = None,
    sets: Sets = None,
    root: Root = DEFAULT_ROOT,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """Train on examples of both sides, and judge the model on hosts and files that were held out."""
    from curate.classify import config, model, training

    settings, folder = _settings(root, recipe, positive, negative, labelled, labels, engine, seed, sets)
    ready = training.prepare(settings, folder, root)
    if settings.positive_label not in ready.labels or len(ready.labels) != 2:
        hint = "--set positive_label=LABEL names the one whose probability is the score"
        raise UserError(f"the labels are {', '.join(ready.labels)}: two, one of them positive, are needed", hint=hint)
    if dry_run:
        used = training.used(ready.frame)
        return Result({"used": used, "warnings": ready.notes}, [used_table(used)])
    score = settings.positive_label
    described = model.describe(config.QUALITY, settings, ready.labels, score=score)
    for note in ready.notes:
        screen.warn(note)
    done = training.write(
        config.QUALITY,
        settings,
        described,
        ready,
        lambda frame, trained: training.judge_quality(frame, trained, score, settings.share),
        out=out,
        root=root,
        force=force,
        attach=screen.attach,
    )
    data = {"was_done": done.was_done, "evaluation": done.evaluation}
    blocks = [used_table(done.evaluation["used"]), *report(done.evaluation), f"written to {done.run.path}"]
    return Result(data, blocks, done.run.path)


@app.command("eval")
@command("curate.quality.eval/1")
def evaluate(
    screen: Screen,
    trained: Annotated[str, typer.Argument(metavar="MODEL", help="A run that trained a classifier.")],
    recipe: Recipe = None,
    positive: Positive = None,
    negative: Negative = None,
    labelled: Labelled = None,
    labels: Labels = None,
    on: Annotated[str | None, typer.Option("--on", metavar="PATH|RUN", help="Texts without labels.")] = None,
    sets: Sets = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Judge a model on other examples; on texts without labels, how its scores lie and which threshold keeps what."""
    from curate.classify import config, model, training
    from curate.classify.examples import Reader
    from curate.classify.sources import flag_source

    settings, folder = _settings(root, recipe, positive, negative, labelled, labels, None, None, sets)
    _, found = model.load(trained, root, config.QUALITY)
    score = found.described.score or settings.positive_label
    sources = {score: settings.positive, "negative": settings.negative}
    reader = Reader(folder, root, piece=settings.piece, seed=settings.seed)
    unknown = [] if on is None else [flag_source(on, recipe, root)]
    read = reader.read(sources, [*settings.labelled, *unknown])
    if read.frame.is_empty():
        raise UserError(
            "nothing to judge the model on", hint="name --positive and --negative, --labelled, --labels or --on"
        )
    for note in read.notes:
        screen.warn(note)
    frame = training.scored(training.measured(read.frame), found)
    evaluation = training.judge_quality(frame, found, score, settings.share)
    return Result({"evaluation": evaluation}, report(evaluation))


def _settings(
    root: Path,
    recipe: Path | None,
    positive: list[str] | None,
    negative: list[str] | None,
    labelled: list[str] | None,
    labels: list[str] | None,
    engine: str | None,
    seed: int | None,
    sets: list[str] | None,
) -> tuple[Quality, Path]:
    from curate.classify.settings import Quality
    from curate.classify.sources import flag_labels, flag_values, settings_of

    flags: dict[str, Any] = {}
    flags |= flag_values("positive", positive, recipe, root)
    flags |= flag_values("negative", negative, recipe, root)
    for side, sources in flag_labels(labels, recipe, root).items():
        flags[side] = [*flags.get(side, []), *sources]
    flags |= flag_values("labelled", labelled, recipe, root)
    if engine is not None:
        flags["engine"] = engine
    if seed is not None:
        flags["seed"] = seed
    return settings_of(Quality, recipe, flags, sets or [])


def used_table(used: Sequence[Mapping[str, Any]]) -> Table:
    """Examples by label, source and side of the split."""
    rows = [
        [
            row["label"],
            row["source"],
            "held out" if row["held_out"] else "trained on",
            *(row[name] for name in ("documents", "pieces", "groups", "tokens")),
        ]
        for row in used
    ]
    return Table(["label", "source", "side", "documents", "pieces", "hosts/files", "tokens (est.)"], rows, "Examples")


def report(evaluation: Mapping[str, Any]) -> list[Block]:
    """The tables of an evaluation."""
    from curate.classify.card import figures

    blocks: list[Block] = [Facts(figures(evaluation), "Held out" if "used" in evaluation else "Scores")]
    for column, title in (
        ("by_source", "source"),
        ("by_lang", "language"),
        ("by_length", "characters from"),
        ("by_host", "host"),
    ):
        rows = [
            [
                next(iter(row.values())),
                row["examples"],
                *(_number(row[name]) for name in ("p10", "p50", "p90", "mean_positive", "mean_negative")),
            ]
            for row in evaluation.get(column, [])[:_SHOWN]
        ]
        if rows:
            blocks.append(
                Table([title, "examples", "p10", "p50", "p90", "positives", "negatives"], rows, f"Scores by {title}")
            )
    return blocks


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
