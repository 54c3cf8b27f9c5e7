"""Profiles from YAML: shipped ones by name, the user's by path; one may include others and change their thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from curate.duplicates.config import Duplicates
from curate.edits.config import EditsConfig
from curate.rules.catalogue import Complaint, Kind, check, has_versions, kinds
from curate.rules.model import Engine, Profile, Rule, RuleBody, RuleId, TextVersion
from workbench import recipes
from workbench.errors import Exit, UserError, did_you_mean
from workbench.recipes import Section
from workbench.yamltree import Node, Place

SHIPPED = Path(__file__).parents[1] / "profiles"


class ProfileFile(Section):
    """What a profile's file may say, after the profiles it includes; what edits are not named are off, and so is
    the search for duplicates."""

    name: str = ""
    """Default: the name of the file."""
    source: str
    """Where the rules and thresholds come from."""
    include: list[str] = Field(default_factory=list)
    """Profiles whose rules, edits, text and engine come before this file's own, in order; a later one wins."""
    text: TextVersion = "extracted"
    engine: Engine | None = None
    edits: EditsConfig = Field(default_factory=EditsConfig.off)
    duplicates: Duplicates = Field(default_factory=Duplicates)
    rules: dict[RuleId, RuleBody] = Field(default_factory=dict)
    """By id: measure, drop_if, threshold ...; for a rule of an included profile also the new threshold alone."""


class _Layers(NamedTuple):
    """Layers of one profile with all it includes, the weakest first, and the text version that comes out."""

    nodes: list[Node]
    text: str


def profile_names() -> list[str]:
    """The names of the shipped profiles."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_profile(name: str) -> Profile:
    """A shipped profile by name (`gopher@datatrove`), or the user's own by path (`rules/mine.yaml`).

    Raises UserError with file, line and column for whatever is wrong: an unknown profile, field or measure, a threshold
    of the wrong kind, a profile that includes itself.
    """
    path = _path(name, Path())
    layers = _layers(path, ())
    stem = Node({"name": Node(path.stem, Place(str(path)))}, Place(str(path)))
    edits = recipes.from_values({"edits": EditsConfig.off().model_dump(mode="json")}, "default")
    found, origins = recipes.resolve(ProfileFile, [stem, edits, *layers.nodes])
    known = kinds()
    rules = []
    for rule_id, body in found.rules.items():
        try:
            check(body, known)
        except Complaint as problem:
            raise _error(_place(layers.nodes, rule_id, problem.field), problem.message, problem.hint) from None
        origin = origins.get(f"rules.{rule_id}.threshold", "")
        rules.append(Rule(**dict(body), id=rule_id, origin=origin))
    return Profile(
        name=found.name,
        source=found.source,
        text=found.text,
        engine=found.engine,
        edits=found.edits,
        duplicates=found.duplicates,
        declared=tuple(rules),
    )


def override(profile: Profile, thresholds: Mapping[str, Any], origins: Mapping[str, str]) -> Profile:
    """The profile with other thresholds, by rule id (`off` switches a rule off); `origins` says where each was written.

    Raises UserError for a rule that is not there and for a threshold of the wrong kind.
    """
    known = kinds()
    changed = {rule.id: rule for rule in profile.declared}
    for name, threshold in thresholds.items():
        origin = origins[name]
        if name not in changed:
            hint = did_you_mean(name, changed)
            raise UserError(f"{origin}: the profile {profile.name} has no rule '{name}'", hint=hint)
        changed[name] = _with_threshold(changed[name], threshold, origin, known)
    return profile.model_copy(update={"declared": tuple(changed.values())})


def _with_threshold(rule: Rule, threshold: Any, origin: str, known: Mapping[str, Kind]) -> Rule:
    hint = f"it drops a document where {rule.measure} {rule.drop_if} the threshold; 'off' switches it off"
    try:
        new = Rule.model_validate({**dict(rule), "threshold": threshold, "origin": origin})
        check(new, known)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ") if first["type"] == "value_error" else "no threshold"
        raise UserError(f"{origin}: {message}: {threshold!r}", hint=hint) from None
    except Complaint as problem:
        raise UserError(f"{origin}: {problem.message}", hint=hint) from None
    return new


def _path(name: str, folder: Path) -> Path:
    """The file of a profile; a name without a suffix and without a slash is a shipped one."""
    if name.endswith((".yaml", ".yml")) or "/" in name:
        path = folder / name
        if not path.is_file():
            raise UserError(f"no profile at {path}", hint="check the path", code=Exit.INPUT)
        return path
    if name not in profile_names():
        hint = did_you_mean(name, profile_names())
        raise UserError(f"no profile is named '{name}'", hint=hint or "name a file of your own by its path")
    return SHIPPED / f"{name}.yaml"


def _layers(path: Path, within: tuple[Path, ...]) -> _Layers:
    """Every layer of a profile, included ones first, whose rules keep reading the text version they were made for."""
    node = recipes.from_file(path, f"profile {path.stem}" if path.parent == SHIPPED else "")
    nodes: list[Node] = []
    text = "extracted"
    for entry in _entries(node):
        name = str(entry.value)
        try:
            inner = _path(name, path.parent)
        except UserError as error:
            raise _error(entry.place, error.message, error.hint) from None
        if inner.resolve() in (path.resolve(), *within):
            raise _error(entry.place, f"'{name}' includes itself", "leave one of the two out")
        found = _layers(inner, (path.resolve(), *within))
        text = found.text
        nodes += _pinned(found)
    nodes.append(_plain_thresholds(node, nodes))
    _, given = node.find(["text"])
    if given is not node and isinstance(given.value, str):
        text = given.value
    return _Layers(nodes, text)


def _entries(node: Node) -> list[Node]:
    found, include = node.find(["include"])
    return include.value if found and isinstance(include.value, list) else []


def _rules(node: Node) -> dict[str, Node]:
    found, rules = node.find(["rules"])
    return rules.value if found and isinstance(rules.value, dict) else {}


def _with(node: Node, name: str, child: Node) -> Node:
    assert isinstance(node.value, dict)
    return Node({**node.value, name: child}, node.place, node.key)


def _with_rules(node: Node, rules: dict[str, Node]) -> Node:
    _, own = node.find(["rules"])
    return _with(node, "rules", Node(rules, own.place, own.key))


def _pinned(layers: _Layers) -> list[Node]:
    """The layers of an included profile with the text version written into each rule at its first mention.

    Its name, source and list of includes are its own affair and stay behind.
    """
    seen: set[str] = set()
    pinned = []
    for node in layers.nodes:
        rules = {}
        for name, rule in _rules(node).items():
            first = name not in seen and isinstance(rule.value, dict) and "text" not in rule.value
            if first and has_versions(str(rule.find(["measure"])[1].value)):
                rule = _with(rule, "text", Node(layers.text, rule.place))
            seen.add(name)
            rules[name] = rule
        assert isinstance(node.value, dict)
        kept = {key: value for key, value in node.value.items() if key not in ("name", "source", "include")}
        pinned.append(_with_rules(Node(kept, node.place, node.key), rules) if rules else Node(kept, node.place))
    return pinned


def _plain_thresholds(node: Node, below: list[Node]) -> Node:
    """`gopher.words_min: 20` written out as `gopher.words_min: {threshold: 20}`; the rule must exist below."""
    known = {name for layer in below for name in _rules(layer)}
    rules = {}
    for name, rule in _rules(node).items():
        if not isinstance(rule.value, dict):
            if name not in known:
                raise _error(
                    rule.key or rule.place,
                    f"no included profile has a rule '{name}' whose threshold could be changed",
                    did_you_mean(name, known) or "write measure, drop_if and threshold",
                )
            rule = Node({"threshold": Node(rule.value, rule.place, rule.key)}, rule.place, rule.key)
        rules[name] = rule
    return _with_rules(node, rules) if rules else node


def _place(layers: list[Node], rule: str, field: str) -> Place:
    """Where the field of a rule was written last."""
    place = Place("")
    for node in layers:
        found, inner = node.find(["rules", rule, field])
        if len(found) >= 2 and (len(found) == 3 or not place.line):
            place = inner.place
    return place


def _error(place: Place, message: str, hint: str) -> UserError:
    return UserError(message, hint=hint, file=place.source, line=place.line, column=place.column)
