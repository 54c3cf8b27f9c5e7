"""What only people can say about a data set: a YAML file beside the run, and the blanks that are still open in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from workbench import recipes
from workbench.errors import UserError
from workbench.recipes import Section


def _date(text: str) -> str:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError("a date is written 2026-01-31")
    return text


def _version(text: str) -> str:
    if not re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", text):
        raise ValueError("a version is written MAJOR.MINOR.PATCH, for example 1.0.0")
    return text


class Licence(Section):
    """The licence of the documents of one source: a pattern (`*.gov.uk`) of hosts, or of input files."""

    host: str | None = None
    file: str | None = None
    licence: str
    url: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Licence:
        if (self.host is None) == (self.file is None):
            raise ValueError("a source is either a host or a file pattern")
        return self

    @property
    def source(self) -> str:
        """The pattern as the card shows it."""
        return f"host {self.host}" if self.host is not None else f"file {self.file}"


class Answers(Section):
    """Everything that the card asks of people; an absent answer is an open blank."""

    name: str | None = None
    description: str | None = None
    licence: str | None = None
    licence_url: str | None = None
    creators: list[str] = Field(default_factory=list)
    contact: str | None = None
    purpose: str | None = None
    out_of_scope: str | None = None
    rights: str | None = None
    personal_data: str | None = None
    biases: str | None = None
    limitations: list[str] = Field(default_factory=list)
    maintenance: str | None = None
    citation: str | None = None
    url: str | None = None
    version: Annotated[str, AfterValidator(_version)] = "1.0.0"
    date_published: Annotated[str, AfterValidator(_date)] | None = None
    keywords: list[str] = Field(default_factory=list)
    licences: list[Licence] = Field(default_factory=list)


class Blank(NamedTuple):
    """A question that only people can answer; the card is not finished while a required one is open."""

    name: str
    question: str
    required: bool


BLANKS = (
    Blank("name", "What is the data set called?", True),
    Blank("description", "What is it, in a sentence or two?", True),
    Blank("licence", "Under which licence is the collection as a whole passed on (an SPDX id such as odc-by)?", True),
    Blank("creators", "Who made it, and answers for it?", True),
    Blank("contact", "Where can people ask, object, or have a page removed?", True),
    Blank("purpose", "What was it made for, and what may it be used for?", True),
    Blank("rights", "On what ground may the texts be collected and used; were opt-outs such as robots.txt kept?", True),
    Blank("personal_data", "What did a person look at to judge what personal data is left, and what was found?", True),
    Blank("out_of_scope", "What should it not be used for?", False),
    Blank("biases", "Whose language, views and places are over- or under-represented?", False),
    Blank("maintenance", "Will it be updated, by whom, and how are deletions passed on?", False),
    Blank("citation", "How is it cited (BibTeX)?", False),
    Blank("url", "At which address is it published?", False),
    Blank("date_published", "When was it published?", False),
)


def load(path: Path | None) -> Answers:
    """The answers in a file; none without one. Raises UserError with file, line and column for what is wrong in it."""
    if path is None:
        return Answers()
    answers = recipes.resolve(Answers, [recipes.from_file(path)]).recipe
    for one in answers.licences:
        if not (one.host or one.file):
            raise UserError("a pattern of licences is empty", hint="for example host: '*.gov.uk'", file=path)
    return answers


def open_blanks(answers: Answers) -> list[Blank]:
    """The questions without an answer; one of nothing but blanks, or TODO, is none."""
    return [blank for blank in BLANKS if not _answered(getattr(answers, blank.name))]


def _answered(value: str | list[str] | None) -> bool:
    texts = [value] if isinstance(value, str) else value or []
    return any(text.strip() and text.strip().lower() not in ("todo", "tbd", "?") for text in texts)
