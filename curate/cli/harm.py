"""`curate harm`: toxic, sexual, hateful, or whatever the labelled files of the user say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from curate.cli.quality import Labelled, Recipe, used_table
from workbench import console
from workbench.console import Result, Screen, command
from workbench.errors import UserError
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Root, Seed, Sets
from workbench.render import Block, Table

app = console.group("harm", "A classifier of harmful text, learned from files you have labelled.")


@app.command("train")
@command("curate.harm.train/1")
def train(
    screen: Screen,
    recipe: Recipe = None,
    labelled: Labelled = None,
    out: Out = None,
    seed: Seed | None = None,
    sets: Sets = None,
    root: Root = DEFAULT_ROOT,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """Train one score for each kind of harm; a text may have several, or none."""
    from curate.classify import config, harm, model, training
    from curate.classify.settings import Harm
    from curate.classify.sources import flag_values, settings_of

    flags: dict[str, Any] = flag_values("labelled", labelled, recipe, root)
    if seed is not None:
        flags["seed"] = seed
    settings, folder = settings_of(Harm, recipe, flags, sets or [])
    ready = harm.prepare(settings, folder, root)
    if dry_run:
        used = training.used(ready.frame)
        return Result({"used": used, "warnings": ready.notes}, [used_table(used)])
    for note in ready.notes:
        screen.warn(note)
    described = model.describe(config.HARM, settings, ready.labels, exclusive=False)
    done = training.write(
        config.HARM,
        settings,
        described,
        ready,
        lambda frame, trained: harm.judge(frame, trained, settings.share),
        out=out,
        root=root,
        force=force,
        attach=screen.attach,
    )
    data = {"was_done": done.was_done, "evaluation": done.evaluation}
    blocks = [used_table(done.evaluation["used"]), *report(done.evaluation), f"written to {done.run.path}"]
    return Result(data, blocks, done.run.path)


@app.command("eval")
@command("curate.harm.eval/1")
def evaluate(
    screen: Screen,
    trained: Annotated[str, typer.Argument(metavar="MODEL", help="A run that trained a classifier.")],
    labelled: Labelled = None,
    sets: Sets = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Judge a model on other labelled files."""
    from curate.classify import config, harm, model, training
    from curate.classify.settings import Harm
    from curate.classify.sources import flag_values, settings_of

    if not labelled:
        raise UserError("nothing to judge the model on", hint="name --labelled FILE:FIELD")
    _, found = model.load(trained, root, config.HARM)
    settings, folder = settings_of(Harm, None, flag_values("labelled", labelled, None, root), sets or [])
    ready = harm.prepare(settings, folder, root)
    for note in ready.source.notes:
        screen.warn(note)
    evaluation = harm.judge(training.scored(ready.frame, found), found, settings.share)
    return Result({"evaluation": evaluation}, report(evaluation))


def report(evaluation: Mapping[str, Any]) -> list[Block]:
    """One row for each kind of harm."""
    names = ("examples", "positive", "roc_auc", "average_precision", "brier")
    rows = [
        [label, *("" if found[name] is None else found[name] for name in names[:2])]
        + ["" if found[name] is None else f"{found[name]:.4f}" for name in names[2:]]
        for label, found in evaluation["by_label"].items()
    ]
    return [Table(["harm", "examples", "positive", "ROC-AUC", "avg. precision", "Brier"], rows, "By kind of harm")]
