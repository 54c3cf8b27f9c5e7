"""`train feedback`: revisions and preferences that a model makes by a constitution."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from train.cli.stages import RecipeFile, resolve
from workbench.console import Result, Screen, command
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Resume, Root, Seed, Sets
from workbench.render import Facts, Table, count


@command("train.feedback/1")
def feedback(
    screen: Screen,
    recipe: RecipeFile = None,
    make: Annotated[str | None, typer.Option("--make", metavar="WHAT", help="revisions or preferences.")] = None,
    prompts: Annotated[
        Path | None, typer.Option("--prompts", metavar="FILE", help="Rows with prompts, and answers if there are any.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Judges: a model of your own; a server stands in the recipe."),
    ] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="MODEL", help="Answers the prompts (default: the same).")
    ] = None,
    constitution: Annotated[
        Path | None, typer.Option("--constitution", metavar="FILE", help="Principles in YAML (default: our own).")
    ] = None,
    seed: Seed | None = None,
    sets: Sets = None,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    resume: Resume = True,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """Critiques and revisions for train sft, or preferences in both orders for train reward and train dpo."""
    from train.ask import open_voice
    from train.feedback import make as making

    flags = {
        "--make": ("make", make),
        "--prompts": ("prompts", str(prompts.resolve()) if prompts is not None else None),
        "--model": ("voice.model", model),
        "--policy": ("policy.model", policy),
        "--constitution": ("constitution", str(constitution.resolve()) if constitution is not None else None),
        "--seed": ("seed", seed),
    }
    settings = resolve(making.Feedback, recipe, flags, sets)
    plan = making.Plan(settings, recipe.parent if recipe is not None else Path())
    voice = open_voice(settings.voice, root)
    other = voice
    try:
        if dry_run:
            data = making.expected(plan, voice).data()
            return Result({"judge": data, "rows": len(plan.rows)}, [Facts(list(data.items()), "the judge, at most")])
        other = voice if settings.policy is None else open_voice(settings.policy, root)
        run, report = making.make(
            plan, voice, other, root, out=out, resume=resume, force=force, listener=screen.progress
        )
    finally:
        voice.close()
        if other is not voice:
            other.close()
    return Result(report, _blocks(report, str(run.path / f"{settings.make}.jsonl")), run.path)


_NAMES = {
    "unchanged": "revisions without a change",
    "words_before": "words of an answer before",
    "words_after": "words of an answer after",
    "orders_agree": "both orders agree",
    "first_bias": "bias for the first",
    "certainty": "certainty",
    "longer_wins": "the longer one wins",
    "requests": "requests",
    "cost": "cost",
}


def _blocks(report: dict[str, Any], path: str) -> list[Facts | Table]:
    facts = [("kept", f"{count(report['kept'])} of {count(report['prompts'])} prompts")]
    facts += [(title, report[name]) for name, title in _NAMES.items() if name in report]
    dropped = Table(["dropped because", "records"], [[name, number] for name, number in report["dropped"].items()])
    return [Facts(facts, path), dropped] if report["dropped"] else [Facts(facts, path)]
