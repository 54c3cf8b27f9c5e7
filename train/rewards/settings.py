"""The settings of rewards, as they stand in a YAML file or in the `reward:` section of a stage."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import regex
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from workbench.endpoints import Endpoint
from workbench.recipes import Section


def _pattern(text: str | None) -> str | None:
    if text is not None:
        try:
            regex.compile(text)
        except regex.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
    return text


class _Part(Section):
    weight: float = Field(1.0, allow_inf_nan=False)
    """What the part counts in the sum."""


class Arithmetic(_Part):
    """1 where the response ends in the exact value of the expression in the prompt, else 0."""

    kind: Literal["arithmetic"]
    expression: str | None = None
    """Regular expression whose first group is the expression; default: the longest stretch that looks like one."""
    answer: Literal["last", "first", "whole"] = "last"
    """Which number of the response counts; `whole`: the response is a number and nothing else."""
    tolerance: NonNegativeFloat = 0.0

    _check = field_validator("expression")(_pattern)


class Exact(_Part):
    """1 where the response is one of the prompt's known answers, else 0."""

    kind: Literal["exact"]
    answers: str
    """JSONL of `prompt` and `answer` (or `answers`, a list)."""
    extract: str | None = None
    """Regular expression whose last match (or its first group) is the answer within a response."""
    fold: bool = True
    """Whether case and spaces at the ends and between words are of no account."""

    _check = field_validator("extract")(_pattern)


class Regex(_Part):
    """1 where the pattern is found in the response (or, with `wanted: false`, is not), else 0."""

    kind: Literal["regex"]
    pattern: str
    whole: bool = False
    """Whether all of the response must match."""
    wanted: bool = True
    timeout_s: PositiveFloat = 2.0
    """A search that takes longer is an error: its result would depend on the machine."""

    _check = field_validator("pattern")(_pattern)


class Length(_Part):
    """1 within the bounds; below `least` the share of it that is there; above `most` 1 minus the excess over `most`,
    at least 0."""

    kind: Literal["length"]
    unit: Literal["words", "characters"] = "words"
    least: NonNegativeInt = 0
    most: PositiveInt | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.most is not None and self.most < self.least:
            raise ValueError(f"most ({self.most}) is less than least ({self.least})")
        return self


class Format(_Part):
    """The share of the stated conditions that the response meets."""

    kind: Literal["format"]
    starts: str | None = None
    ends: str | None = None
    contains: list[str] = Field(default_factory=list)
    excludes: list[str] = Field(default_factory=list)
    json_object: bool = False
    """Whether the response is a JSON object."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.starts is None and self.ends is None and not (self.contains or self.excludes or self.json_object):
            raise ValueError("no condition is stated")
        return self


class Repetition(_Part):
    """Minus the share of the response's word n-grams that stood in it before: from 0 (none) to almost -1."""

    kind: Literal["repetition"]
    words: PositiveInt = 3


class UnitTests(_Part):
    """The share of the prompt's tests that the response's Python code passes, in a child without network."""

    kind: Literal["tests"]
    tests: str
    """JSONL of `prompt` and `tests`: Python statements that raise where the code is wrong, a text or a list."""
    need_all: bool = False
    """1 where all pass, else 0."""
    cpu_s: PositiveInt = 5
    wall_s: PositiveFloat = 15.0
    """Seconds by the clock, for code that waits instead of computing; room for a busy machine, too."""
    memory_mb: PositiveInt = 1024


class Model(_Part):
    """The score of a reward model."""

    kind: Literal["model"]
    run: str
    """A `train reward` run, or a directory with a reward model."""
    template: str | None = None
    """Only for a directory whose files do not say how it was trained to read conversations."""
    device: str = "cpu"


class Judge(_Part):
    """What a language model behind an endpoint says: a score, or with `baseline` whether the response is better."""

    kind: Literal["judge"]
    endpoint: Endpoint
    prompt: str | None = None
    """File with what is asked: {prompt} and {response}, or with a baseline {prompt}, {a} and {b}; default: our own."""
    pattern: str = r"(?i)(?:score|rating)[^\w.-]*(-?\d*\.?\d+)"
    """Finds the score in the answer (first group, last match)."""
    low: float = 1.0
    high: float = 10.0
    """The scale of the scores, which is brought to 0 to 1; a score outside counts as none."""
    baseline: str | None = None
    """JSONL of `prompt` and `response`; asked in both orders: +1 better in both, -1 worse in both, the mean else."""
    otherwise: float | None = None
    """The score where the answer holds none; default: an error."""
    max_tokens: PositiveInt = 512

    _check = field_validator("pattern")(_pattern)

    @model_validator(mode="after")
    def _scale(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low ({self.low:g}) is not below high ({self.high:g})")
        return self


class Human(_Part):
    """The mean of the scores that people gave a response, from a file."""

    kind: Literal["human"]
    scores: str
    """JSONL of `score` with `key`, or with `prompt` and `response`."""
    otherwise: float | None = None
    """The score of responses that nobody scored; default: an error, and they are written to FILE.wanted.jsonl."""


class Baseline(_Part):
    """+1 where the reward finds the response better than the baseline's answer, -1 where not."""

    kind: Literal["baseline"]
    answers: str
    """JSONL of `prompt` and `response` (or `answer`)."""
    reward: RewardSettings
    equal: float = Field(-1.0, allow_inf_nan=False)
    """The score where it finds both equally good."""


Part = Annotated[
    Arithmetic | Exact | Regex | Length | Format | Repetition | UnitTests | Model | Judge | Human | Baseline,
    Field(discriminator="kind"),
]


class RewardSettings(Section):
    """A weighted sum of named parts; files are relative to the file that these settings stand in."""

    parts: dict[str, Part] = Field(min_length=1)


Baseline.model_rebuild()
RewardSettings.model_rebuild()
