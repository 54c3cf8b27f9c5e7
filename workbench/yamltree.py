"""YAML as plain values with the place of every key and value: YAML 1.2's core schema, no tags, no merge keys.

PyYAML follows YAML 1.1, where `no` is false (and so is Norwegian), `12:30` is 750 and `1e-3` is text; recipes are read
by the 1.2 rules, in which a word is a word and a number is a number.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from workbench.errors import UserError

_MAX_NODES = 100_000  # aliases can multiply: a small text must not become a huge tree
_MAX_DEPTH = 64

_RESOLVERS = [
    ("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("tag:yaml.org,2002:int", re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        list("-+.0123456789"),
    ),
]


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own protocol; none of the 1.1 resolvers


class _Dumper(yaml.SafeDumper):
    """Keeps the 1.1 resolvers beside ours, so that a word either version would misread is quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    # Other styles fold line breaks, of which YAML knows five, into one; only double quotes keep each as it is.
    style = None if value.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)


class Place(NamedTuple):
    """Where something was written: a file with line and column from 1, or a label such as `--set seed=1`."""

    source: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


@dataclass(frozen=True, slots=True)
class Node:
    """A value with the place it was written at: a scalar, a list of nodes, or a mapping of names to nodes.

    `key` is the place of the name that a mapping gives this node, None where there is none.
    """

    value: "bool | int | float | str | list[Node] | dict[str, Node] | None"
    place: Place
    key: Place | None = None

    def plain(self) -> Any:
        """The value without its places, in new containers."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value

    def find(self, path: Sequence[str | int]) -> "tuple[list[str | int], Node]":
        """The deepest node along `path`, and the part of the path that leads to it; strange segments are skipped."""
        node, found = self, list[str | int]()
        for part in path:
            inside = node.value
            if isinstance(inside, dict) and part in inside:
                node = inside[str(part)]
            elif isinstance(inside, list) and isinstance(part, int) and part < len(inside):
                node = inside[part]
            else:
                continue
            found.append(part)
        return found, node


def parse(text: str, source: str) -> Node:
    """Read a YAML mapping (an empty text is an empty one).

    Raises UserError with line and column: syntax, duplicate or non-scalar keys, tags, more than one document.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise UserError(f"not valid YAML: {what}", hint=_SYNTAX_HINT, file=source, line=line, column=column) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        what = f"character U+{ord(text[error.position]):04X} is not allowed"
        hint = "remove it, or write it as an escape in double quotes"
        raise UserError(f"not valid YAML: {what}", hint=hint, file=source, line=line, column=column) from None
    except RecursionError:
        raise UserError("too deeply nested", hint=_SYNTAX_HINT, file=source) from None
    reader = _Reader(source)
    if node is None:
        return Node({}, Place(source, 1, 1))
    if not isinstance(node, yaml.MappingNode):
        raise reader.error(node, "a recipe is a mapping of names to values", "write `name: value` lines")
    return reader.read(node, None, ())


_SYNTAX_HINT = "check the indentation, and quote texts that hold a colon, a hash or start with * & ! % @"


def parse_value(text: str, source: str) -> Any:
    """One value as it is written after `--set key=`: a list or mapping in flow style, a quoted text, or a plain word.

    Plain words may hold anything (`*.gz`, `a: b`); they are read as null, a boolean or a number where they look so.
    """
    if text[:1] in ("[", "{", '"', "'"):
        try:
            return parse(f"value: {text}", source).plain()["value"]
        except UserError as error:
            raise UserError(f"{source}: {error.message}", hint=error.hint) from None
    loader = _Loader("")
    try:
        tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    finally:
        loader.dispose()
    try:
        return _scalar(tag.rpartition(":")[2], text)
    except ValueError:
        raise UserError(f"{source}: not a number that can be read", hint="quote it if it is meant as text") from None


class _Reader:
    """One walk over composed nodes."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._nodes = 0

    def place(self, node: yaml.Node) -> Place:
        return Place(self._source, node.start_mark.line + 1, node.start_mark.column + 1)

    def error(self, node: yaml.Node, message: str, hint: str) -> UserError:
        place = self.place(node)
        return UserError(message, hint=hint, file=place.source, line=place.line, column=place.column)

    def read(self, node: yaml.Node, key: Place | None, path: tuple[str, ...]) -> Node:
        self._nodes += 1
        if self._nodes > _MAX_NODES or len(path) > _MAX_DEPTH:
            raise self.error(node, "too many or too deeply nested values", "an alias may refer to itself")
        kind = node.tag.rpartition(":")[2]
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return Node(self._mapping(node, path), self.place(node), key)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            items = [self.read(item, None, (*path, str(index))) for index, item in enumerate(node.value)]
            return Node(items, self.place(node), key)
        if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
            try:
                return Node(_scalar(kind, node.value), self.place(node), key)
            except ValueError:
                hint = "leave the tag out, or correct the value"
                raise self.error(node, f"'{node.value}' is no {kind}", hint) from None
        raise self.error(node, f"the tag {node.tag} is not supported", "leave the tag out")

    def _mapping(self, node: yaml.MappingNode, path: tuple[str, ...]) -> dict[str, Node]:
        values: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(key, "a name must be a single word or number", "quote it if it is meant as text")
            name, below = key.value, (*path, key.value)
            if name in values:
                first = values[name].key
                hint = f"it stands first in line {first.line if first else 1}; keep one of the two"
                raise self.error(key, f"'{'.'.join(below)}' is given twice", hint)
            values[name] = self.read(value, self.place(key), below)
        return values


_SCALARS = ("str", "null", "bool", "int", "float")


def _scalar(kind: str, text: str) -> Any:
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
        case "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan")) if text[-1:].isalpha() else float(text)
        case _:
            return text


def dump(values: Mapping[str, Any]) -> str:
    """YAML text that `parse` reads back to the same values: block style, given order, one form for each value."""
    return yaml.dump(
        dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )
