"""`evalkit run` and `evalkit show`: a model on tasks, and what is in such a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError
from workbench.options import DEFAULT_ROOT, DryRun, Force, Out, Resume, Root, RunName, Sets
from workbench.render import Block, Table, duration

if TYPE_CHECKING:
    from evalkit.run.make import Evaluation
    from evalkit.run.settings import EvalSettings


@command("evalkit.run/1")
def run(
    screen: Screen,
    recipe: Annotated[Path | None, typer.Argument(metavar="[RECIPE]", help="YAML with what the options say.")] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="A train run, checkpoint, adapter, Hugging Face directory, or mock:0."),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option("--tasks", "-t", metavar="A,B", help="Tasks, task@preset, suites, YAML files.")
    ] = None,
    presets: Annotated[
        str | None, typer.Option("--presets", metavar="NAMES", help="all, or a+b: of tasks that name none.")
    ] = None,
    shots: Annotated[
        int | None, typer.Option("--shots", min=0, metavar="N", help="Examples, instead of each task's own number.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Items of each task, drawn by the seed.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of everything random.")] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="TASK=FILE", help="Where a task's data are (TASK:shots=FILE: its examples)."),
    ] = None,
    data_root: Annotated[
        list[str] | None,
        typer.Option("--data-root", metavar="DIR", envvar="EVALKIT_DATA", help="Where tasks look for known names."),
    ] = None,
    retrieve: Annotated[
        str | None, typer.Option("--retrieve", metavar="RUN", help="Ask again with documents of this corpus run.")
    ] = None,
    precision: Annotated[str | None, typer.Option("--precision", metavar="NAME", help="fp32 or bf16.")] = None,
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1 ...")] = "cpu",
    batch: Annotated[int | None, typer.Option("--batch", min=1, metavar="N", help="Sequences at a time.")] = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep answers in the workspace, for all runs.")
    ] = True,
    sets: Sets = None,
    dry_run: DryRun = False,
    resume: Resume = True,
    force: Force = False,
    out: Out = None,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Ask a model the items of tasks; every number comes with its interval."""
    from evalkit.run.settings import check_names, wanted
    from evalkit.tasks.data import given_places

    places = given_places(data or [])
    given = {
        "model": model,
        "tasks": None if tasks is None else [name.strip() for name in tasks.split(",") if name.strip()],
        "presets": presets,
        "shots": shots,
        "limit": limit,
        "seed": seed,
        "precision": precision,
        "retrieve": None if retrieve is None else {"corpus": retrieve},
        "data": places or None,
        "data_root": data_root or None,
    }
    settings = _settings(recipe, {name: value for name, value in given.items() if value is not None}, sets or [])
    check_names(places, wanted(settings, Path())[0])  # what is misspelt is told before a model is loaded

    from evalkit.models.open import open_model

    opened = open_model(
        settings.model,
        root=root,
        precision=settings.precision,
        device=device,
        best=settings.best,
        base=settings.base,
        template=settings.template,
        bos=settings.bos,
        batch=batch,
        server=settings.server,
        cache=cache,
    )
    from evalkit.retrieval.shown import blocks as with_context
    from evalkit.run.make import Evaluation, evaluate
    from evalkit.run.rows import label, read_summary
    from evalkit.run.show import complaints, summary_blocks

    try:
        asked = Evaluation.of(settings, opened, root, Path(), listener=screen.progress)
        if dry_run:
            return _forecast(asked, root)
        made = evaluate(
            asked,
            root,
            out=out,
            resume=resume,
            force=force,
            shared=cache,
            attach=screen.attach,
            listener=screen.progress,
        )
    finally:
        opened.close()
    summary = read_summary(made.path)
    for sentence in complaints(made.path, summary):
        screen.warn(sentence)
    assert made.manifest is not None
    counts = made.manifest.counts
    errors = []
    if counts["requests_failed"]:
        message = f"{counts['requests_failed']:,} of {counts['requests']:,} requests failed; their items have no score"
        errors.append(
            UserError(message, hint="--force asks again for what failed, and for nothing else", code=Exit.PARTIAL)
        )
    for one in summary["tasks"]:
        if not one["scored"]:
            name = label(one["task"], one["preset"])
            errors.append(UserError(f"{name}: not one item has a score", hint="look at why, above", code=Exit.PARTIAL))
    said = f"run: {made.path}"
    blocks = [*summary_blocks(summary), *with_context(summary), said]
    code = Exit.PARTIAL if errors else Exit.OK
    return Result({**summary, "counts": counts}, blocks, run=made.path, code=code, errors=errors)


def _settings(recipe: Path | None, given: dict[str, Any], sets: list[str]) -> EvalSettings:
    from evalkit.run.settings import EvalSettings
    from workbench import recipes

    layers = [recipes.from_file(recipe)] if recipe is not None else []
    layers += [recipes.from_values(given, "the command line"), *(recipes.from_set(each) for each in sets)]
    if recipe is None and "model" not in given and not any(each.startswith("model=") for each in sets):
        raise UserError("no model is named", hint="name one with --model; mock:0 costs nothing")
    return recipes.resolve(EvalSettings, layers).recipe


def _forecast(asked: Evaluation, root: Path) -> Result:
    from evalkit.run.forecast import expected, seconds_a_token, total

    found = expected(asked, root)
    each = seconds_a_token(asked.model, asked.planned) if any(one.tokens for one in found) else None
    seconds = None if each is None else each * sum(one.tokens for one in found)
    columns = ("task", "items", "requests", "answered already", "tokens to read", "tokens to write", "cost")
    whole = total(found)
    rows = [(*one[:6], one.cost or None) for one in [*found, whole]]
    table = Table(columns, rows, "Forecast", "tokens are estimated from characters" if whole.estimated else "")
    data = {"forecast": [one._asdict() for one in found], "all": whole._asdict(), "seconds": seconds}
    return Result(data, [table, *([] if seconds is None else [f"about {duration(seconds)} to read, from a probe"])])


Item = Annotated[str | None, typer.Option("--item", metavar="ID", help="One item whole, by the beginning of its id.")]


@command("evalkit.show/1")
def show(
    screen: Screen,
    run: RunName,
    item: Item = None,
    task: Annotated[str | None, typer.Option("--task", metavar="NAME", help="Of this task or task@preset.")] = None,
    state: Annotated[
        str | None, typer.Option("--list", metavar="STATE", help="List items: scored, failed, unscored, wrong or all.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Of a list.")] = 20,
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Show a run's numbers, list its items, or show one item whole: prompt, answer, score."""
    from evalkit.retrieval import shown as context
    from evalkit.run import show as shown
    from evalkit.run.listing import list_items
    from evalkit.run.rows import read_summary
    from workbench import registry

    directory = registry.find(run, root)
    summary = read_summary(directory)
    if item is not None:
        rows = shown.find_items(directory, item, task)
        blocks: list[Block] = [
            block for row in rows for block in (*shown.item_blocks(row), *context.document_blocks(row))
        ]
        return Result({"items": rows}, blocks, run=directory)
    if state is not None:
        listed = list_items(directory, state, task, limit)
        return Result({"items": listed.rows, "all": listed.all}, [listed.table], run=directory)
    return Result(summary, [*shown.summary_blocks(summary), *context.blocks(summary)], run=directory)
