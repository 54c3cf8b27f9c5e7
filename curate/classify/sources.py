"""Settings of a training from a recipe, flags and `--set`; a flag names a path or a run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from curate.classify.settings import Source
from workbench import recipes, registry
from workbench.errors import UserError
from workbench.recipes import Section

Settings = TypeVar("Settings", bound=Section)


def settings_of(
    model: type[Settings], recipe: Path | None, flags: Mapping[str, Any], sets: Sequence[str]
) -> tuple[Settings, Path]:
    """The resolved settings, and the folder that paths are relative to. Raises UserError with the place."""
    layers = [] if recipe is None else [recipes.from_file(recipe)]
    if flags:
        layers.append(recipes.from_values(flags, "the command line"))
    layers += [recipes.from_set(argument) for argument in sets]
    return recipes.resolve(model, layers).recipe, Path() if recipe is None else recipe.parent


def flag_source(name: str, recipe: Path | None, root: Path) -> Source:
    """A run, by path or id, or else files."""
    return Source.model_validate(_values(name, recipe, root))


def flag_values(name: str, values: Sequence[str] | None, recipe: Path | None, root: Path) -> dict[str, Any]:
    """What flags add to the settings: `--labelled` is FILE:FIELD, the others are a path or a run."""
    if not values:
        return {}
    if name != "labelled":
        return {name: [_values(value, recipe, root) for value in values]}
    found = []
    for value in values:
        path, colon, field = value.rpartition(":")
        if not colon or not path or not field:
            raise UserError(f"--labelled {value}: not of the form FILE:FIELD", hint="for example labels.jsonl:label")
        found.append({"path": flag_path(recipe, path), "label": field})
    return {name: found}


def flag_labels(values: Sequence[str] | None, recipe: Path | None, root: Path) -> dict[str, list[dict[str, str]]]:
    """The two sides that people's labels `good` and `bad` on a question make of a run's documents: RUN:ABOUT."""
    sides: dict[str, list[dict[str, str]]] = {"positive": [], "negative": []}
    for value in values or []:
        run, colon, about = value.partition(":")
        if not colon or not run or not about:
            raise UserError(f"--labels {value}: not of the form RUN:ABOUT", hint="for example runs/crawl:document")
        named = flag_path(recipe, run) if Path(run).is_dir() else run
        for side, given in (("positive", "good"), ("negative", "bad")):
            sides[side].append({"run": named, "about": about, "given": given})
    return {side: sources for side, sources in sides.items() if sources}


def _values(name: str, recipe: Path | None, root: Path) -> dict[str, str]:
    path = Path(name)
    if path.is_dir() and registry.is_run(path):
        return {"run": flag_path(recipe, name)}
    return {"path": flag_path(recipe, name)} if path.exists() or not _is_known(name, root) else {"run": name}


def _is_known(name: str, root: Path) -> bool:
    try:
        registry.find(name, root)
    except UserError:
        return False
    return True


def flag_path(recipe: Path | None, name: str) -> str:
    """A path of the command line as the recipe would name it."""
    return Path(name).as_posix() if recipe is None else Path(os.path.relpath(name, recipe.parent)).as_posix()
