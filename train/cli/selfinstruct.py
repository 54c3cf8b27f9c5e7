"""`train selfinstruct`: instruction data that a model writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from train.cli.stages import RecipeFile, resolve
from workbench.console import Result, Screen, command
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Resume, Root, Seed, Sets
from workbench.render import Facts, Table, count, percent

Own = Annotated[
    str | None, typer.Option("--model", metavar="MODEL", help="A model of your own; a server stands in the recipe.")
]


@command("train.selfinstruct/1")
def selfinstruct(
    screen: Screen,
    recipe: RecipeFile = None,
    model: Own = None,
    seeds: Annotated[Path | None, typer.Option("--seeds", metavar="FILE", help="Tasks that people wrote.")] = None,
    wanted: Annotated[int | None, typer.Option("-n", min=1, metavar="N", help="Tasks to make.")] = None,
    seed: Seed | None = None,
    sets: Sets = None,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    resume: Resume = True,
    force: Force = False,
    dry_run: DryRun = False,
) -> Result:
    """Instruction data that a model writes, from a few tasks of people's (Self-Instruct, as Alpaca does it)."""
    from train.ask import open_voice
    from train.selfinstruct.make import TASKS, SelfInstruct, expected, make, plan

    flags = {
        "--model": ("voice.model", model),
        "--seeds": ("seeds", str(seeds.resolve()) if seeds is not None else None),
        "-n": ("wanted", wanted),
        "--seed": ("seed", seed),
    }
    settings = resolve(SelfInstruct, recipe, flags, sets)
    planned = plan(settings, recipe.parent if recipe is not None else Path())
    voice = open_voice(settings.voice, root)
    try:
        if dry_run:
            return _forecast(expected(planned, voice).data(), planned.prompts(0)[0])
        run, report = make(planned, voice, root, out=out, resume=resume, force=force, listener=screen.progress)
    finally:
        voice.close()
    if report["kept"] < report["wanted"]:
        screen.warn(f"{report['kept']:,} tasks of {report['wanted']:,} wanted: further batches brought too few")
    if report["failed_requests"]:
        screen.warn(f"{report['failed_requests']:,} requests failed and were left out")
    facts = Facts(
        [
            ("tasks", count(report["kept"])),
            ("of those read", percent(report["yield"])),
            ("requests", count(report["requests"])),
            ("tasks a request", round(report["tasks_a_request"], 2)),
            ("tokens read, written", f"{report['prompt_tokens']:,}, {report['completion_tokens']:,}"),
            ("cost, a task", f"{report['cost']:.4g}, {report['cost_a_task']:.3g}"),
        ],
        str(run.path / TASKS),
    )
    dropped = Table(["dropped because", "tasks"], [[name, number] for name, number in report["dropped"].items()])
    return Result(report, [facts, dropped] if report["dropped"] else [facts], run.path)


def _forecast(data: dict[str, Any], first: str) -> Result:
    facts = Facts(
        [
            ("requests", data["requests"]),
            ("tokens read", data["prompt_tokens"]),
            ("tokens written at most", data["completion_tokens"]),
            ("cost at most", data["cost"]),
        ],
        "the first batch",
    )
    return Result({"batch": data, "prompt": first}, [facts, first])
