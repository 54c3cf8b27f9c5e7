"""`evalkit tasks`: the tasks there are, and one of them whole with an item as a model is asked it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.console import Result, Screen, command
from workbench.errors import UserError
from workbench.render import Block, Facts, Table

if TYPE_CHECKING:
    from evalkit.tasks import Sources, Task


@command("evalkit.tasks/1")
def tasks(
    screen: Screen,
    name: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="A task, task@preset, a suite, or a YAML file: shown whole.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="TASK=FILE", help="Where a task's data are (TASK:shots=FILE: its examples)."),
    ] = None,
    data_root: Annotated[
        list[Path] | None,
        typer.Option("--data-root", metavar="DIR", envvar="EVALKIT_DATA", help="Where tasks look for known names."),
    ] = None,
    item: Annotated[int, typer.Option("--item", min=0, metavar="N", help="The row that is shown, from 0.")] = 0,
) -> Result:
    """The ready tasks and suites; or one task with an example of what is asked."""
    from evalkit.tasks import Sources, load_task, presets_of
    from evalkit.tasks.catalog import inside, parted
    from evalkit.tasks.data import given_places

    sources = Sources(given_places(data or []), tuple(data_root or ()))
    if name is None:
        return _list(sources)
    if inside(name) is not None:
        return _suite(name, sources)
    return _one(screen, load_task(name), presets_of(parted(name)[0]), sources, item)


def _list(sources: Sources) -> Result:
    from evalkit.tasks import load_task, presets_of, suites, task_names

    found: list[dict[str, Any]] = []
    for name in task_names():
        task = load_task(name)
        found.append(
            {
                "name": name,
                "title": task.title,
                "kind": task.kind,
                "formulation": task.formulation,
                "presets": presets_of(name),
                "metrics": list(task.metrics),
                "licence": task.licence,
                "data": _where(task, sources),
            }
        )
    rows = [
        (each["name"], each["kind"], each["formulation"], " ".join(each["presets"]), each["metrics"][0], each["data"])
        for each in found
    ]
    note = "data: made by the package, a file that was found, or - (name it with --data or --data-root)"
    named = Table(("task", "kind", "asked by", "presets", "first metric", "data"), rows, f"{len(rows)} tasks", note)
    inside = Table(("suite", "tasks"), [(suite, ", ".join(names)) for suite, names in suites().items()], "Suites")
    return Result({"tasks": found, "suites": suites()}, [named, inside])


def _suite(name: str, sources: Sources) -> Result:
    from evalkit.tasks import expand

    tasks = expand([name])
    found = [{"name": each.label, "examples": each.shots.count, "data": _where(each, sources)} for each in tasks]
    rows = [(each.label, each.shots.count, each.metrics[0], _where(each, sources)) for each in tasks]
    table = Table(("task", "examples", "first metric", "data"), rows, f"The suite {name}")
    return Result({"suite": name, "tasks": found}, [table])


def _where(task: Task, sources: Sources) -> str | None:
    try:
        files = sources.locate(task.name, task.data)
    except UserError:
        return None
    return "made" if task.data.made is not None and len(files) == 1 and "://" in files[0] else ", ".join(files)


def _one(screen: Screen, task: Task, presets: list[str], sources: Sources, number: int) -> Result:
    from workbench import yamltree

    facts: list[tuple[str, Any]] = [
        ("title", task.title),
        ("source", task.source),
        ("licence", task.licence),
        ("asked by", task.formulation),
        ("presets", " ".join(presets)),
        ("examples", f"{task.shots.count}, {task.shots.order}"),
        ("metrics", " ".join(task.metrics)),
        ("digest", task.digest),
    ]
    own = yamltree.dump(task.model_dump(mode="json", exclude_defaults=True)).rstrip("\n")
    blocks: list[Block] = [Facts(facts, task.label), f"Its own settings (--json has all):\n{own}"]
    example: dict[str, Any] | None = None
    try:
        files = sources.locate(task.name, task.data)
    except UserError as error:
        screen.warn(f"no example: {error.message}; {error.hint}")
    else:
        example = _example(task, sources, files, number)
        blocks.append(_shown(example))
    return Result({"task": task.model_dump(mode="json"), "digest": task.digest, "example": example}, blocks)


def _example(task: Task, sources: Sources, files: list[str], number: int) -> dict[str, Any]:
    from dataclasses import asdict

    from evalkit.tasks import read_items, render_items
    from evalkit.tasks.data import read_rows

    items = read_items(task, read_rows(files))
    if number >= len(items):
        raise UserError(f"{task.label} has {len(items):,} items", hint="--item counts from 0")
    pool, own = items, True
    if task.shots.count and task.shots.source is not None:
        own = False
        pool = read_items(task, read_rows(sources.locate(task.name, task.shots.source, shots=True)))
    # All items, since a draw may hang on how many there are.
    rendered = render_items(task, items, pool, chat=task.chat, pool_is_items=own)[number]
    item = items[number]
    return {
        "item": item.id,
        "items": len(items),
        "where": item.where,
        "problem": rendered.problem,
        "asked": [asdict(asked) for asked in rendered.asked],
        "prompts": list(rendered.prompts),
        "gold": list(item.gold),
        "answers": list(item.answers),
    }


def _shown(example: dict[str, Any]) -> str:
    from workbench.visible import visible

    lines = [f"item {example['item']} of {example['items']:,} ({example['where']})"]
    if example["problem"]:
        return "\n".join([*lines, f"cannot be asked: {visible(example['problem'])}"])
    for prompt in example["prompts"]:
        lines += ["", visible(prompt, "\n")]
    choices = [asked for asked in example["asked"] if asked["role"] == "choice"]
    for asked in choices:
        mark = "right" if asked["index"] in example["gold"] else "     "
        lines.append(f"{mark} | {visible(asked['request']['continuation'], chr(10))}")
    lines += [f"right | {visible(answer, chr(10))}" for answer in example["answers"]]
    return "\n".join(lines)
