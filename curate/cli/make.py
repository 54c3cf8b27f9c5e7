"""Commands that write a run: `run`, `decide`, `retry`, and `plan` and `init`, which come before it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.errors import UserError
from workbench.options import DEFAULT_ROOT, DryRun, Force, Jobs, Out, Resume, Root, RunName, Seed, Sets

if TYPE_CHECKING:
    from curate.pipeline.run import Outcome
    from curate.recipe import Plan

RecipeFile = Annotated[
    Path | None, typer.Argument(metavar="[RECIPE]", help="A recipe in YAML; without one, flags and defaults decide.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input", metavar="PATH", help="File, folder, glob, URL, 'sample' or 'python-docs'; may be repeated."
    ),
]
ProfileName = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="Rules and edits (see 'profiles').")]
NoIndex = Annotated[bool, typer.Option("--no-index", help="Make no search index beside the run.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Only the first N records.")]


@command("curate.run/1")
def run(
    screen: Screen,
    recipe: RecipeFile = None,
    input: Inputs = None,
    profile: ProfileName = None,
    limit: Limit = None,
    seed: Seed | None = None,
    sets: Sets = None,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
    jobs: Jobs = None,
    resume: Resume = True,
    force: Force = False,
    dry_run: DryRun = False,
    no_index: NoIndex = False,
) -> Result:
    """Curate: from crawl files to kept documents, with the reason for every other one."""
    _limit_threads(jobs)
    from curate.cli.show import outcome_result, plan_result

    plan = _plan(recipe, input, profile, limit, seed, sets, root)
    if dry_run:
        return plan_result(plan, probe=False)
    outcome = _execute(screen, plan, out, root, jobs, resume, force)
    if not outcome.failed:
        _index(screen, plan, outcome, wanted=plan.recipe.output.search and not no_index)
    return outcome_result(outcome, screen)


@command("curate.plan/1")
def plan(
    screen: Screen,
    recipe: RecipeFile = None,
    input: Inputs = None,
    profile: ProfileName = None,
    limit: Limit = None,
    seed: Seed | None = None,
    sets: Sets = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """What a run would do: steps, units, and from a small probe its time, memory and disk."""
    from curate.cli.show import plan_result

    return plan_result(_plan(recipe, input, profile, limit, seed, sets, root), probe=True)


@command("curate.decide/1")
def decide(
    screen: Screen,
    run: RunName,
    out: Out = None,
    profile: ProfileName = None,
    sets: Sets = None,
    root: Root = DEFAULT_ROOT,
    force: Force = False,
) -> Result:
    """Apply other thresholds to a finished run as a child run, without extracting again."""
    from curate.ask.finished import FinishedRun
    from curate.cli.show import decided_result
    from curate.pipeline.child import decide_again

    parent = FinishedRun.open(run, root)
    child = decide_again(
        parent, profile, sets or [], out=out, root=root, force=force, listener=screen.progress, attach=screen.attach
    )
    return decided_result(child)


@command("curate.retry/1")
def retry(screen: Screen, run: RunName, root: Root = DEFAULT_ROOT, jobs: Jobs = None) -> Result:
    """Go on with a run whose units failed or that was interrupted: finished units stay, the others are taken again."""
    _limit_threads(jobs)
    from curate.cli.show import outcome_result
    from curate.pipeline.run import KIND
    from workbench.runs import Run

    found = Run.open(run, root)
    if found.started.kind != KIND:
        hint = "give the command that began it again; it goes on by itself"
        raise UserError(f"{found.path} is a {found.started.kind} run", hint=hint)
    plan = _plan(found.path / "recipe.yaml", None, None, None, None, None, root)
    outcome = _execute(screen, plan, found.path, root, jobs)
    if not outcome.failed:
        _index(screen, plan, outcome, wanted=plan.recipe.output.search)
    return outcome_result(outcome, screen)


@command("curate.init/1")
def init(
    screen: Screen,
    path: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to write the recipe.")] = Path("recipe.yaml"),
    input: Inputs = None,
    profile: ProfileName = None,
    force: Force = False,
) -> Result:
    """Write a recipe with every setting and its default, to be edited."""
    from workbench import recipes
    from workbench.files import write_text

    if path.is_dir():
        raise UserError(f"{path} is a folder", hint=f"name a file: {path / 'recipe.yaml'}")
    if path.exists() and not force:
        raise UserError(f"{path} exists", hint="name another file, or replace it with --force")
    write_text(
        path, recipes.dump(_plan(None, input or ["crawl/*.warc.gz"], profile, None, None, None, DEFAULT_ROOT).recipe)
    )
    return Result({"recipe": str(path), "next": f"curate run {path} --out runs/first"})


def _limit_threads(jobs: int | None) -> None:
    """The workers use the cores. Libraries read this when they are loaded, so it comes before any import of theirs."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if jobs == 1:  # this process is the worker
        os.environ.setdefault("POLARS_MAX_THREADS", "1")


def _plan(
    recipe: Path | None,
    inputs: list[str] | None,
    profile: str | None,
    limit: int | None,
    seed: int | None,
    sets: list[str] | None,
    root: Path,
) -> Plan:
    from curate.recipe import load

    values: dict[str, Any] = {"input": inputs, "profile": profile, "limit": limit, "seed": seed}
    found = load(recipe, values, sets or [], root)
    if not found.recipe.input:
        raise UserError(
            "no input is named", hint="curate run --input 'crawl/*.warc.gz' (or --input sample, for pages of our own)"
        )
    return found


def _execute(
    screen: Screen, plan: Plan, out: Path | None, root: Path, jobs: int | None, resume: bool = True, force: bool = False
) -> Outcome:
    from curate.extract.engines.winnow_engine import compiled
    from curate.pipeline.run import FORECAST, execute
    from workbench.events import Event

    def listen(event: Event) -> None:
        if event.step == FORECAST:
            screen.say(event.message)
        else:
            screen.progress(event)

    if not Path(os.environ["NUMBA_CACHE_DIR"]).exists() or (plan.recipe.extract.engine == "winnow" and not compiled()):
        screen.say("compiling the kernels, once after installation: this takes a minute or two")
    return execute(
        plan,
        out=out,
        root=root,
        jobs=jobs,
        resume=resume,
        force=force,
        listener=listen,
        attach=screen.attach,
    )


def _index(screen: Screen, plan: Plan, outcome: Outcome, *, wanted: bool) -> None:
    """A sample of the run's texts for `curate search`; what hinders it is no reason to call the run unfinished."""
    from curate.ask.finished import FinishedRun
    from curate.search.beside import index_sample
    from curate.search.place import forget_stale

    if not wanted:
        if forget_stale(outcome.run.path):
            screen.say("the search index of the run that was here before is deleted")
        return
    try:
        built = index_sample(FinishedRun(outcome.run), seed=plan.recipe.seed, listener=screen.progress)
    except UserError as error:
        screen.say(f"no search index was made: {error}")
        return
    if built is not None:
        about = built.about
        screen.say(
            f"{about.indexed:,} of {about.texts:,} texts can be searched: curate search {outcome.run.path} WORDS"
        )
