"""How every command is told who judges."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.errors import UserError

if TYPE_CHECKING:
    from evalkit.judge.settings import JudgeSettings

RecipeFile = Annotated[Path | None, typer.Option("--recipe", metavar="FILE", help="Judges and how they are asked.")]
JudgeModel = Annotated[
    str | None, typer.Option("--judge", metavar="MODEL", help="A model of ours that judges, or a run of one.")
]
JudgeEndpoint = Annotated[
    str | None, typer.Option("--endpoint", metavar="URL#NAME", help="A model behind a server that judges.")
]
JudgeReward = Annotated[str | None, typer.Option("--reward", metavar="RUN", help="A reward model that judges.")]
Prompt = Annotated[str, typer.Option("--prompt", metavar="NAME", help="pair, reasoned, or a YAML file of your own.")]

Cached = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Take verdicts from the workspace, and keep them there for all runs.")
]


def member_of(
    model: str | None, endpoint: str | None, reward: str | None, recorded: Path | None, prompt: str
) -> dict[str, Any] | None:
    """The judge that the flags name, as a recipe has it; None where they name none."""
    given = {"--judge": model, "--endpoint": endpoint, "--reward": reward, "--recorded": recorded}
    named = [flag for flag, value in given.items() if value is not None]
    if len(named) > 1:
        raise UserError(f"{' and '.join(named)}: one judge, please", hint="a panel is written in a recipe (--recipe)")
    if endpoint is not None:
        url, mark, name = endpoint.partition("#")
        if not mark or not name:
            raise UserError(f"--endpoint {endpoint}: names no model", hint="URL#NAME, as http://127.0.0.1:8000/v1#base")
        return {"voice": {"endpoint": {"url": url, "model": name}}, "prompt": prompt}
    if model is not None:
        return {"voice": {"model": model}, "prompt": prompt}
    if reward is not None:
        return {"reward": reward}
    return None if recorded is None else {"recorded": str(recorded)}


def settings_of(recipe: Path | None, member: dict[str, Any] | None, sets: list[str] | None, seed: int) -> JudgeSettings:
    """The recipe of a judge. UserError where there is none."""
    from evalkit.judge.settings import JudgeSettings
    from workbench import recipes

    if recipe is None and member is None:
        hint = "--judge MODEL, --endpoint URL#NAME, --reward RUN, --recorded FILE, or --recipe FILE"
        raise UserError("nobody to judge", hint=hint)
    layers = [] if recipe is None else [recipes.from_file(recipe)]
    if member is not None:
        layers.append(recipes.from_values({"judges": [member]}, "command line"))
    if seed:
        layers.append(recipes.from_values({"seed": seed}, "--seed"))
    layers += [recipes.from_set(text) for text in sets or []]
    return recipes.resolve(JudgeSettings, layers).recipe
