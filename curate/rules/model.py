"""Rules as data: a measure, a comparison, a threshold; and the profile that puts rules in order."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from curate.duplicates.config import Duplicates
from curate.edits.config import EditsConfig

TextVersion = Literal["extracted", "edited"]
Engine = Literal["trafilatura", "resiliparse", "winnow"]
Comparison = Literal[">", ">=", "<", "<=", "==", "!=", "in", "not in"]
Scalar = int | float | str
Language = Annotated[str, StringConstraints(pattern="^[a-z]{2,3}$")]
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z0-9_]+$")]

OFF = "off"
"""A threshold that switches its rule off; the rule keeps its place, and a threshold switches it on again."""
_LISTS = ("in", "not in")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class When(_Model):
    """The documents a rule applies to, by language; a document whose language is unknown is checked by every rule."""

    langs: Annotated[tuple[Language, ...], Field(strict=False)] = ()
    not_langs: Annotated[tuple[Language, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _one_of_two(self) -> When:
        if bool(self.langs) == bool(self.not_langs):
            raise ValueError("give either langs or not_langs")
        return self


class RuleBody(_Model):
    """What a profile writes under the id of a rule."""

    measure: str
    drop_if: Comparison
    threshold: Scalar | Annotated[tuple[Scalar, ...], Field(strict=False)]
    text: TextVersion | None = None
    """The text version the measure is taken of; None is the profile's."""
    when: When | None = None
    why: str = ""
    """Why such documents are dropped, for people who ask."""

    @model_validator(mode="before")
    @classmethod
    def _one_is_a_list(cls, data: Any) -> Any:
        """`not in de` is `not in [de]`."""
        if isinstance(data, dict) and data.get("drop_if") in _LISTS:
            threshold = data.get("threshold")
            if isinstance(threshold, int | float | str) and threshold != OFF:
                return {**data, "threshold": (threshold,)}
        return data

    @model_validator(mode="after")
    def _sensible(self) -> RuleBody:
        many = isinstance(self.threshold, tuple)
        if many != (self.drop_if in _LISTS) and self.threshold != OFF:
            raise ValueError(f"'{self.drop_if}' needs {'a single value' if many else 'a list'} as its threshold")
        values = self.threshold if isinstance(self.threshold, tuple) else (self.threshold,)
        if not values:
            raise ValueError("the list is empty; write 'off' to switch the rule off")
        if any(isinstance(value, float) and not math.isfinite(value) for value in values):
            raise ValueError("a threshold is a finite number; write 'off' to switch the rule off")
        return self


class Rule(RuleBody):
    """One rule of a resolved profile: a document is dropped if `measure drop_if threshold` holds.

    `id` is `family.name`, the name users see and change; `origin` says where the threshold was written.
    """

    id: RuleId
    origin: Annotated[str, Field(exclude=True)] = ""

    @property
    def family(self) -> str:
        """The part of the id before the dot: the step a document is dropped at."""
        return self.id.split(".", 1)[0]

    @property
    def active(self) -> bool:
        """Whether the rule is evaluated at all."""
        return self.threshold != OFF

    @property
    def limit(self) -> str:
        """Comparison and threshold as text: `> 0.3`, `not in [de, en]`."""
        if isinstance(self.threshold, tuple):
            return f"{self.drop_if} [{', '.join(str(value) for value in self.threshold)}]"
        return f"{self.drop_if} {self.threshold}"


class Profile(_Model):
    """Rules in the order in which documents meet them, the text version they read, the edits that come before, and the
    search for duplicates that comes after.

    `declared` holds every rule, also those that are off; `rules` the ones that are evaluated.
    """

    name: str
    source: str
    text: TextVersion
    engine: Engine | None
    edits: Annotated[EditsConfig, Field(strict=False)]
    duplicates: Annotated[Duplicates, Field(strict=False)] = Duplicates()
    declared: Annotated[tuple[Rule, ...], Field(strict=False)]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that are on, in declared order."""
        return tuple(rule for rule in self.declared if rule.active)

    def rule(self, name: str) -> Rule:
        """The declared rule with this id; KeyError where there is none."""
        for rule in self.declared:
            if rule.id == name:
                return rule
        raise KeyError(name)

    def column(self, rule: Rule) -> str:
        """The column of the measures table that a rule reads: `measure`, or `measure@text` for the other version."""
        return rule.measure if rule.text in (None, self.text) else f"{rule.measure}@{rule.text}"

    def layer(self) -> dict[str, Any]:
        """The sections of a recipe that the profile sets, as the lowest layer below the user's own settings."""
        values: dict[str, Any] = {
            "edits": self.edits.model_dump(mode="json"),
            "duplicates": self.duplicates.model_dump(mode="json"),
        }
        if self.engine is not None:
            values["extract"] = {"engine": self.engine}
        return values
