"""The tasks there are by name, their presets, and suites of them: the package's own and the user's files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from evalkit.tasks.schema import Task
from workbench import recipes, yamltree
from workbench.errors import Exit, UserError, did_you_mean
from workbench.yamltree import Node

_FOLDER = resources.files("evalkit.tasks").joinpath("library")
_ALL = "all"


def task_names() -> list[str]:
    """The ready tasks, in alphabetic order."""
    return sorted(_files())


def suites() -> dict[str, list[str]]:
    """The ready suites and what is in them, in their order."""
    text = resources.files("evalkit.tasks").joinpath("suites.yaml").read_text("utf-8")
    found: dict[str, list[str]] = yamltree.parse(text, "suites.yaml").plain()
    return found


def presets_of(name: str) -> list[str]:
    """The presets of a task, the default one first."""
    node = _node(name)
    return [_first_preset(node), *_presets(node)]


def load_task(name: str, sets: Sequence[str] = ()) -> Task:
    """The task `name` or `name@preset`: a ready one, or a YAML file's (`mine.yaml`, `mine.yaml@letter`).

    sets: `key.path=value`, as the settings of recipes. Raises UserError with file, line and column for what is wrong
    in a file, and with the nearest name for one that does not exist.
    """
    plain, preset = parted(name)
    node = _node(plain)
    presets = _presets(node)
    layers = [_without(node, "presets")]
    if preset not in ("", _first_preset(node)):
        if preset not in presets:
            known = [_first_preset(node), *presets]
            raise UserError(f"{plain} has no preset '{preset}'", hint=did_you_mean(preset, known) or ", ".join(known))
        layers += [presets[preset], recipes.from_values({"preset": preset}, f"preset {preset}")]
    layers += [recipes.from_set(each) for each in sets]
    return recipes.resolve(Task, layers).recipe


def expand(names: Iterable[str], *, presets: str = "") -> list[Task]:
    """The tasks that names stand for: tasks, `task@a+b` (several presets), `task@all`, suites, YAML files of tasks or
    of suites. presets: `all`, or a list such as `a+b`, for every task that names none. Each is taken once."""
    found: dict[tuple[str, str], Task] = {}
    for name in names:
        for task in _expand(name, presets, ()):
            found.setdefault((task.name, task.preset), task)
    return list(found.values())


def _expand(name: str, presets: str, within: tuple[str, ...]) -> list[Task]:
    if name in within:
        raise UserError(f"the suite '{name}' holds itself", hint="take it out of its own list")
    listed = inside(name)
    if listed is not None:
        return [task for each in listed for task in _expand(each, presets, (*within, name))]
    plain, preset = parted(name)
    known = presets_of(plain)
    if preset:
        chosen = known if preset == _ALL else preset.split("+")
    else:
        wanted = known if presets == _ALL else presets.split("+")
        chosen = [each for each in known if each in wanted] or known[:1]
    return [load_task(f"{plain}@{each}") for each in chosen]


def parted(name: str) -> tuple[str, str]:
    """`mmlu@helm` as task and preset; the preset is empty where none is named."""
    plain, at, preset = name.rpartition("@")
    return (plain, preset) if at else (name, "")


def inside(name: str) -> list[str] | None:
    """What is in a suite, ready or of a YAML file; None where `name` is no suite."""
    ready = suites()
    if name in ready:
        return ready[name]
    if not _is_file(name):
        return None
    node = recipes.from_file(Path(name))
    if not isinstance(node.value, dict) or "tasks" not in node.value:
        return None
    listed = node.plain()["tasks"]
    if len(node.value) > 1 or not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise UserError("a suite is `tasks:` with a list of names", hint="for example `tasks: [piqa, copa]`", file=name)
    return listed


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _node(name: str) -> Node:
    if _is_file(name):
        return recipes.from_file(Path(name))
    files = _files()
    if name not in files:
        known = [*files, *suites()]
        hint = did_you_mean(name, known) or "`evalkit tasks` lists them; a task of your own is a YAML file"
        raise UserError(f"no task '{name}'", hint=hint, code=Exit.USAGE)
    return yamltree.parse(files[name], f"{name}.yaml")


@cache
def _files() -> dict[str, str]:
    """The YAML of every ready task, by its name, which is the file's."""
    files = [each for each in _FOLDER.iterdir() if each.name.endswith(".yaml")]
    return {each.name.removesuffix(".yaml"): each.read_text("utf-8") for each in sorted(files, key=lambda f: f.name)}


def _first_preset(node: Node) -> str:
    """What the settings of the file itself are called."""
    named = node.value.get("preset") if isinstance(node.value, dict) else None
    return "default" if named is None else str(named.value)


def _presets(node: Node) -> Mapping[str, Node]:
    found = node.value.get("presets") if isinstance(node.value, dict) else None
    if found is None:
        return {}
    if not isinstance(found.value, dict) or not all(isinstance(each.value, dict) for each in found.value.values()):
        place = found.place
        hint = "`presets:` maps names to what they change"
        raise UserError("presets are no mapping", hint=hint, file=place.source, line=place.line, column=place.column)
    return found.value


def _without(node: Node, name: str) -> Node:
    values: Any = node.value
    return Node({key: value for key, value in values.items() if key != name}, node.place, node.key)
