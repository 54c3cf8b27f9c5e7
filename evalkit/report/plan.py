"""The plan of a report: what is watched, by which tasks, how often, against what, and when it is an alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import regex
from pydantic import Field, PositiveInt, field_validator, model_validator

from workbench import recipes
from workbench.recipes import Section

_NAME = regex.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Cadence(Section):
    """When a report is due: every hour, day or week (or every so many of them), at a time of the day."""

    every: Literal["hour", "day", "week"] = "day"
    number: PositiveInt = 1
    """Every so many hours, days or weeks, counted from Monday 5 January 1970."""
    at: str = "06:00"
    """Local time; of an hourly report only the minutes count."""
    on: Day = "mon"
    """The day of a weekly report."""
    timezone: str = "UTC"

    @field_validator("at")
    @classmethod
    def _clock(cls, at: str) -> str:
        match = regex.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", at)
        if match is None:
            raise ValueError(f"'{at}' is no time of the day; write it as 06:30")
        return at

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"there is no time zone '{name}'; write it as Europe/Berlin") from None
        return name


class Watched(Section):
    """Something that is watched: a model or a dataset.

    model: what `evalkit run --model` takes, or a pattern of paths, of which the newest counts. dataset: a dataset run,
    or a pattern of them, of which the report tells what has changed.
    """

    name: str
    model: str | None = None
    dataset: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.model is None) == (self.dataset is None):
            raise ValueError("what is watched is either a model or a dataset")
        return self


class Gates(Section):
    """When a report is an alarm. Shares of 1, so 0.005 is half a point."""

    min_effect: float = Field(default=0.005, ge=0)
    """A smaller drop is no error, however certain."""
    false_alarms: float = Field(default=0.05, gt=0, lt=1)
    """The chance of even one false error in `horizon` reports, for each watched model."""
    horizon: PositiveInt = 100
    memory: PositiveInt = 5
    """Reports that a slow drop may take to be seen."""


class Plan(Section):
    """A report that comes again and again."""

    name: str
    title: str = ""
    cadence: Cadence = Cadence()
    watch: tuple[Watched, ...]
    tasks: tuple[str, ...] = ()
    """What `evalkit run --tasks` takes."""
    text: dict[str, str] = {}  # noqa: RUF012  (pydantic copies it)
    """Held-out text by name, for perplexity: what `evalkit perplexity --data` takes, or a pattern."""
    evaluation: dict[str, Any] = {}  # noqa: RUF012
    """Settings of the evaluation besides: limit, seed, shots, data, data_root."""
    baseline: str | None = None
    """An eval run that every model is compared with; else each model's first report."""
    gates: Gates = Gates()
    on_alarm: tuple[str, ...] = ()
    """A command (a list, no shell) that is given the alarm's JSON on its standard input."""

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if _NAME.fullmatch(name) is None:
            raise ValueError("a plan's name is of small letters, digits, points, - and _: it names a folder")
        return name

    @model_validator(mode="after")
    def _something(self) -> Self:
        names = [one.name for one in self.watch]
        if not names:
            raise ValueError("watches nothing")
        if len(set(names)) < len(names):
            raise ValueError("two things that are watched have one name")
        if any(one.model for one in self.watch) and not (self.tasks or self.text):
            raise ValueError("a model is watched, but by no tasks and no text")
        return self


def read_plan(path: Path) -> Plan:
    """The plan in a file. UserError with file, line and column for what is wrong in it."""
    return recipes.resolve(Plan, [recipes.from_file(path)]).recipe
