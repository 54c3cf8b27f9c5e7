"""`train init`: the recipes that come along, and a copy of one to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError, did_you_mean
from workbench.files import write_text
from workbench.render import Table

_FOLDER = Path(__file__).parents[1] / "recipes"
# The recipes, and the files of tasks that they name.
_RECIPES: dict[str, tuple[str, ...]] = {
    "domain": (),
    "style": (),
    "question-answering": ("qa",),
    "summarization": ("summaries",),
    "reasoning": ("reasoning-tasks",),
    "instruct": (),
}


@command("train.init/1")
def init(
    screen: Screen,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which one; none lists them.")] = None,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the copy goes.")] = Path(),
) -> Result:
    """Copy a recipe to begin with: domain, style, question-answering, summarization, reasoning, instruct."""
    if name is None:
        rows = [[each, _first_sentence(each)] for each in _RECIPES]
        return Result({"recipes": list(_RECIPES)}, [Table(["recipe", "what it is for"], rows)])
    if name not in _RECIPES:
        raise UserError(f"no recipe is called '{name}'", hint=did_you_mean(name, _RECIPES) or "train init lists them")
    files = [to / f"{each}.yaml" for each in (name, *_RECIPES[name])]
    for path in files:
        if path.exists():
            raise UserError(f"{path} is there already", hint="choose another --to", code=Exit.USAGE)
    for path in files:
        write_text(path, (_FOLDER / path.name).read_text("utf-8"))
    return Result({"files": [str(path) for path in files]}, [f"written: {', '.join(map(str, files))}"])


def _first_sentence(name: str) -> str:
    """Of the comment that a recipe begins with."""
    lines = (_FOLDER / f"{name}.yaml").read_text("utf-8").splitlines()
    text = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
    return text.partition(". ")[0].partition(":   ")[0]
