"""Recipes: layers of settings (profile, file, command line) resolved into one validated model.

A later layer wins value by value; lists are replaced as a whole. Whatever is wrong is reported at the place where the
user wrote it, and for every value of the result one can ask where it came from.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, get_args

import xxhash
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from workbench import yamltree
from workbench.errors import Exit, UserError, did_you_mean
from workbench.yamltree import Node, Place


class Section(BaseModel):
    """Base of every recipe model: unknown names are refused, and a resolved recipe cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


Model = TypeVar("Model", bound=Section)


class Resolved(NamedTuple, Generic[Model]):
    """A validated recipe, and by dotted path the origin of every value.

    An origin reads `default`, `recipe.yaml:12`, `--set a.b=1`, or the label of its layer (`profile winnow:4`).
    """

    recipe: Model
    provenance: dict[str, str]


def from_file(path: Path, label: str = "") -> Node:
    """A layer from a YAML file; `label` replaces the path in messages (for a shipped profile)."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"no recipe at {path}", hint="check the path", code=Exit.INPUT) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        message = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise UserError(message, hint="save the file as UTF-8", file=path, line=line, column=column) from None
    except OSError as error:
        message = f"cannot read {path}: {(error.strerror or str(error)).lower()}"
        raise UserError(message, hint="name a readable YAML file", code=Exit.INPUT) from None
    return yamltree.parse(text, label or str(path))


def from_values(values: Mapping[str, Any], label: str) -> Node:
    """A layer from values given by a flag or in code (`from_values({"seed": 7}, "--seed")`)."""
    return _node(values, Place(label))


def _node(value: Any, place: Place) -> Node:
    if isinstance(value, Mapping):
        return Node({str(name): _node(item, place) for name, item in value.items()}, place, place)
    if isinstance(value, list | tuple):
        return Node([_node(item, place) for item in value], place, place)
    return Node(value, place, place)


def from_set(argument: str) -> Node:
    """A layer from one `--set key.path=value`."""
    path, value = parse_set(argument)
    for name in reversed(path):
        value = {name: value}
    return from_values(value, f"--set {argument}")


def parse_set(argument: str) -> tuple[tuple[str, ...], Any]:
    """`"a.b=[1, 2]"` -> `(("a", "b"), [1, 2])`."""
    name, equals, text = argument.partition("=")
    path = tuple(part.strip() for part in name.split("."))
    if not equals or not all(path):
        raise UserError(f"--set {argument}: not of the form key.path=value", hint="for example --set seed=7")
    return path, yamltree.parse_value(text.strip(), f"--set {argument}")


def resolve(model: type[Model], layers: Sequence[Node]) -> Resolved[Model]:
    """Merge the layers (the last wins), validate them as `model`, and keep where each value came from.

    Raises UserError at the first offending place: an unknown name (with the nearest known one), a missing one, a value
    of the wrong type or out of range.
    """
    merged = _defaults(model)
    for layer in layers:
        merged = _merge(merged, layer)
    try:
        recipe = model.model_validate(merged.plain())
    except ValidationError as error:
        raise _first_error(model, error, merged) from None
    return Resolved(recipe, dict(_origins(recipe.model_dump(mode="json"), merged, ())))


def _defaults(model: type[Section]) -> Node:
    """What the model's own defaults say of its sections, which may differ from a section's defaults elsewhere: naming
    one value of a section leaves the others as they are."""
    found = {name: field.default for name, field in model.model_fields.items() if isinstance(field.default, Section)}
    return from_values({name: value.model_dump(mode="json") for name, value in found.items()}, "default")


def _merge(below: Node, above: Node) -> Node:
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    values = dict(below.value)
    for name, node in above.value.items():
        values[name] = _merge(values[name], node) if name in values else node
    return Node(values, above.place, above.key)


def _origins(value: Any, merged: Node, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _origins(item, merged, (*path, name))
        return
    found, node = merged.find(path)
    # A scalar that a validator unfolded into a section is the origin of all that is in the section.
    given = len(found) == len(path) or not isinstance(node.value, dict)
    yield ".".join(path), str(node.place) if given else "default"


def _first_error(model: type[BaseModel], error: ValidationError, merged: Node) -> UserError:
    problems = [_explain(model, problem, merged) for problem in error.errors(include_url=False)]
    # A missing name comes last: more often than not it was given, with a typo that the unknown name shows.
    problems.sort(key=lambda problem: (problem[1].endswith(" is missing"), problem[0].line is None, problem[0]))
    place, message, hint = problems[0]
    if len(problems) > 1:
        message += f" (and {len(problems) - 1} more)"
    if place.line is None:
        return UserError(f"{place.source}: {message}" if place.source else message, hint=hint)
    return UserError(message, hint=hint, file=place.source, line=place.line, column=place.column)


def _explain(model: type[BaseModel], problem: ErrorDetails, merged: Node) -> tuple[Place, str, str]:
    """Place, message and hint for one of pydantic's errors."""
    found, node = merged.find(problem["loc"])
    path = ".".join(map(str, found))
    if problem["type"] == "extra_forbidden":
        return node.key or node.place, f"unknown name '{path}'", did_you_mean(str(found[-1]), _names(model, found[:-1]))
    if problem["type"] == "missing":
        missing = f"{path}.{problem['loc'][-1]}".removeprefix(".")
        return node.place, f"'{missing}' is missing", f"add it, or give it with --set {missing}=VALUE"
    text = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    given = "" if isinstance(node.value, dict) else f", got {node.plain()!r}"
    name = f"'{path}': " if path else ""
    hint = "correct the value, or leave it out to get the default"
    if problem["type"] == "union_tag_invalid":
        known = re.findall("'([^']*)'", problem["ctx"]["expected_tags"])
        key, tag = problem["ctx"]["discriminator"].strip("'"), problem["ctx"]["tag"]
        return node.place, f"'{path}.{key}' cannot be '{tag}'", did_you_mean(tag, known)
    if problem["type"] in ("literal_error", "enum"):
        hint = did_you_mean(str(node.value), re.findall("'([^']*)'", text)) or hint
    return node.place, f"{name}{text[:1].lower()}{text[1:]}{given}", hint


def _names(model: type[BaseModel], path: Sequence[str | int]) -> set[str]:
    """The names a recipe may use at `path`; list positions and free keys of a dict lead on to the same models."""
    models = [model]
    for part in path:
        inner = [one for outer in models if part in outer.model_fields for one in _models(outer, str(part))]
        models = inner if any(part in outer.model_fields for outer in models) else models
    return {name for one in models for name in one.model_fields}


def _models(model: type[BaseModel], name: str) -> list[type[BaseModel]]:
    """Every model that the annotation of a field mentions, through unions, lists and dicts."""
    found: list[type[BaseModel]] = []
    waiting: list[Any] = [model.model_fields[name].annotation]
    while waiting:
        annotation = waiting.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found.append(annotation)
        waiting.extend(get_args(annotation))
    return found


def dump(recipe: Section) -> str:
    """The resolved recipe as canonical YAML: every value, in declared order; equal recipes give equal text."""
    return yamltree.dump(recipe.model_dump(mode="json"))


def digest(recipe: Section) -> str:
    """32 hex digits that name a resolved recipe: xxh3_128 of its canonical text."""
    return xxhash.xxh3_128_hexdigest(dump(recipe).encode("utf-8", "surrogatepass"))
