"""`MIX.yaml`: what is grouped by what, how much each group gets, and in which phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from workbench import recipes
from workbench.errors import UserError
from workbench.recipes import Section
from workbench.yamltree import Node

Method = Literal["natural", "weights", "temperature", "unimax", "curve", "regression"]
Comparison = Literal[">", ">=", "<", "<=", "==", "!=", "in"]
Scalar = bool | int | float | str
REST = "*"
"""In weights by hand: all groups that are not named, sharing by their tokens."""

# The settings that belong to a method: a phase that names a method of its own inherits none of them.
_OF_METHOD = {"weights": ("weights",), "curve": ("curve", "weights"), "temperature": ("temperature",)}
_OF_METHOD |= {"regression": ("regression",)}


class Key(Section):
    """One column that documents are grouped by: of the documents, or a measure."""

    measure: str
    buckets: PositiveInt | None = None
    """As many quantiles of documents, the lowest first."""
    edges: list[float] | None = None
    """Explicit ascending limits between buckets; a value on a limit belongs to the bucket above it."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.buckets is not None and self.edges is not None:
            raise ValueError("give buckets or edges, not both")
        if self.edges is not None and (not self.edges or sorted(set(self.edges)) != self.edges):
            raise ValueError("edges must ascend")
        return self

    @property
    def column(self) -> str:
        """The name of the labels: not that of the numbers that they are made from."""
        return self.measure if self.buckets is None and self.edges is None else f"{self.measure} bucket"


class Filter(Section):
    """A comparison that a document must pass to be in a phase; one without the measure does not pass."""

    measure: str
    keep_if: Comparison
    value: Scalar | list[Scalar]

    @model_validator(mode="after")
    def _list_for_in(self) -> Self:
        if isinstance(self.value, list) != (self.keep_if == "in"):
            raise ValueError("'in' takes a list, every other comparison one value")
        return self


class Curve(Section):
    """Quality-aware upsampling: epochs(x) = C x^power e^(rate x), x the quality's quantile among all documents.

    Documents below the `bottom` quantile get none, and C is what the budget asks for.
    """

    measure: str
    buckets: PositiveInt = 20
    bottom: float = Field(default=0.4, ge=0, lt=1)
    power: NonNegativeFloat = 1.0
    rate: float = 1.0

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.rate < -self.power:
            raise ValueError("the curve must not fall: rate must be at least -power")
        return self


class Regression(Section):
    """The best mixture by a table of trials: one column a group with its weight, and what the trial gave."""

    trials: str
    """CSV or Parquet, its path relative to this file."""
    metric: Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
    """A column, or several whose mean is taken."""
    goal: Literal["min", "max"] = "min"
    minimum: dict[str, float] = Field(default_factory=dict)
    maximum: dict[str, float] = Field(default_factory=dict)
    """Limits of a group's weight, beside what max_epochs allows and what the trials tried."""
    bootstraps: PositiveInt = 100


class Mixture(Section):
    """How much of each group: one phase."""

    method: Method = "natural"
    tokens: PositiveInt | None = None
    """The budget; default: as many as the documents of the phase hold."""
    max_epochs: PositiveFloat = 4.0
    """No group is read more often (Muennighoff et al. 2023: up to 4 epochs are almost as good as new text)."""
    minimum_weight: float = Field(default=0.0, ge=0, lt=1)
    """Groups that would get a smaller share are left out."""
    filters: list[Filter] = Field(default_factory=list)
    weights: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    temperature: float | None = Field(default=None, ge=0)
    """Weights as (share of tokens)^temperature: 1 is natural, 0 gives all groups the same."""
    curve: Curve | None = None
    regression: Regression | None = None

    @model_validator(mode="after")
    def _method_has_its_settings(self) -> Self:
        given = [name for name in ("weights", "temperature", "curve", "regression") if getattr(self, name)]
        if self.temperature is not None and "temperature" not in given:
            given.append("temperature")
        if self.method in ("weights", "temperature", "curve", "regression") and self.method not in given:
            raise ValueError(f"method {self.method} needs '{self.method}:'")
        foreign = [name for name in given if name not in _OF_METHOD.get(self.method, ())]
        if foreign:
            raise ValueError(f"method {self.method} does not read '{foreign[0]}:'; say `method: {foreign[0]}`")
        if self.method == "curve" and self.minimum_weight:
            raise ValueError("minimum_weight does not go with method curve, whose bottom gets nothing anyway")
        if self.method == "weights" and not any(self.weights.values()):
            raise ValueError("at least one weight must be above 0")
        return self


class MixRecipe(Mixture):
    """The whole file. What stands at its top is the default of every phase."""

    by: list[Key] = Field(default_factory=lambda: [Key(measure="lang")], min_length=1)
    seed: NonNegativeInt = 0
    phases: dict[str, Mixture] = Field(default_factory=dict)
    """In the order of training; without any, the top is the one phase `main`."""

    @field_validator("by", mode="before")
    @classmethod
    def _names_alone(cls, value: Any) -> Any:
        entries = value if isinstance(value, list) else [value]
        return [{"measure": entry} if isinstance(entry, str) else entry for entry in entries]

    @model_validator(mode="before")
    @classmethod
    def _phases_inherit(cls, values: Any) -> Any:
        phases = values.get("phases") if isinstance(values, dict) else None
        if not isinstance(phases, dict):
            return values
        shared = {name: value for name, value in values.items() if name in Mixture.model_fields}
        of_methods = {name for names in _OF_METHOD.values() for name in names}
        whole = {}
        for name, phase in phases.items():
            own = isinstance(phase, dict) and "method" in phase
            inherited = {key: value for key, value in shared.items() if not (own and key in of_methods)}
            whole[name] = {**inherited, **phase} if isinstance(phase, dict) else phase
        return {**values, "phases": whole}

    @model_validator(mode="after")
    def _each_key_once(self) -> Self:
        names = [key.measure for key in self.by]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"by names {name} twice")
        return self

    def in_order(self) -> dict[str, Mixture]:
        """The phases by name."""
        shared = {name: getattr(self, name) for name in Mixture.model_fields}
        return dict(self.phases) or {"main": Mixture.model_construct(**shared)}


@dataclass(frozen=True)
class MixFile:
    """A resolved recipe that knows where each of its values was written."""

    recipe: MixRecipe
    layers: tuple[Node, ...]
    folder: Path

    def error(self, path: Sequence[str | int], message: str, hint: str) -> UserError:
        """The user's error at the value of `path`; what a phase inherited stands at the top of the file."""
        for wanted in (list(path), list(path[2:]) if path[:1] == ["phases"] else []):
            for layer in reversed(self.layers):
                found, node = layer.find(wanted)
                # A name alone, where a section could stand, is the place of all that would be in the section.
                if found and (found == wanted or not isinstance(node.value, dict | list)):
                    place = node.key or node.place
                    if place.line is None:
                        return UserError(f"{place.source}: {message}", hint=hint)
                    return UserError(message, hint=hint, file=place.source, line=place.line, column=place.column)
        return UserError(message, hint=hint)


def load(path: Path | None, sets: Sequence[str], seed: int | None) -> MixFile:
    """The recipe of a file (None: all defaults), changed by `--set` and `--seed`. Raises UserError with the place."""
    layers = [] if path is None else [recipes.from_file(path)]
    layers += [recipes.from_set(argument) for argument in sets]
    if seed is not None:
        layers.append(recipes.from_values({"seed": seed}, "--seed"))
    recipe = recipes.resolve(MixRecipe, layers).recipe
    return MixFile(recipe, tuple(layers), Path() if path is None else path.parent)
