"""Instruction mixtures in the manner of FLAN: task files, several prompt templates of each, a cap for each.

Wei et al. 2022 (FLAN) and Chung et al. 2022: for every example one of the task's templates is drawn, a task gives at
most `cap` examples, and counts in the mixture by its examples, but by no more than `rate` of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, field_validator

from train.data.conversations import check
from train.data.examples import Example, Report, capped, draw
from train.data.pieces import Message
from train.data.records import Record, files_of, read_records
from workbench import recipes
from workbench.errors import Exit, UserError
from workbench.recipes import Section

_SLOT = re.compile(
    r"\{(?P<field>\w+(?:\.\w+)*)(?:\[(?P<index>\w+)\])?(?:\|(?P<how>list|letters|letter))?\}|(?P<brace>\{\{|\}\})|[{}]"
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Prompt(Section):
    """A template of a task. `{question}` is a field, `{choices.text}` one inside of another, `{choices[gold]}` the
    entry of a list that another field tells (a number from 0, or a letter), `{choices|list}` a list with a dash for
    each entry, `{choices|letters}` with A., B. ..., `{gold|letter}` the letter of a number; `{{`, `}}` are braces."""

    prompt: str
    response: str
    system: str | None = None
    share: float = Field(1.0, gt=0)
    """How often it is drawn, relative to the others; with it, answers with and without reasoning are mixed."""

    @field_validator("prompt", "response", "system")
    @classmethod
    def _slots(cls, text: str | None) -> str | None:
        for found in _SLOT.finditer(text or ""):
            if found["field"] is None and found["brace"] is None:
                raise ValueError(f"a lone '{found[0]}' at character {found.start() + 1} (write it twice)")
        return text


class Split(Section):
    """A field made of parts: what stands before the last `by` and what stands behind it."""

    by: str = Field(min_length=1)
    into: tuple[str, str]


class Task(Section):
    """One task: its rows, and the templates of which each row gets one."""

    file: str
    templates: list[Prompt] = Field(min_length=1)
    cap: int | None = Field(None, ge=1)
    rate: int | None = Field(None, ge=1)
    split: dict[str, Split] = Field(default_factory=dict)
    """By field: `answer: {by: "####", into: [reasoning, result]}`."""
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    """By field, the words for its values: `label: {"0": negative, "1": positive}`."""


class TaskFile(Section):
    """A YAML of tasks; paths in it are relative to it."""

    cap: int = Field(30_000, ge=1)
    """At most so many examples of a task."""
    rate: int = Field(3_000, ge=1)
    """A task counts in the mixture by no more examples than this."""
    tasks: dict[str, Task] = Field(min_length=1)


class Reader(NamedTuple):
    """A task of a file: its name, what part of its examples is read while a small task is read once, its examples."""

    name: str
    rate: float
    task: Task
    rows: list[Record]
    key: str

    def examples(self, report: Report) -> Iterator[Example]:
        """One conversation for each row, by a template that a hash of its name draws."""
        for row in self.rows:
            try:
                messages = fill(self.task, row.values, draw(f"{self.key}:template", row.name))
                check(messages)
            except UserError as error:
                report.refuse(row.name, error)
                continue
            yield Example(row.name, messages)


def read_tasks(path: Path, seed: int, *, cap: int | None = None) -> Iterator[Reader]:
    """The tasks of a YAML file in its order; `cap` is a further limit for each."""
    tasks = recipes.resolve(TaskFile, [recipes.from_file(path)]).recipe
    for name, task in tasks.tasks.items():
        limit = min(task.cap or tasks.cap, cap or tasks.cap)
        key = f"{seed}:{name}"
        rows = list(capped(read_records(path.parent / task.file), limit, key))
        rate = min(len(rows), task.rate or tasks.rate) / max(len(rows), 1)
        yield Reader(name, rate, task, rows, key)


def task_files(path: Path) -> list[Path]:
    """The YAML file, and all files that its tasks read."""
    tasks = recipes.resolve(TaskFile, [recipes.from_file(path)]).recipe
    named = dict.fromkeys(path.parent / task.file for task in tasks.tasks.values())
    return [path, *(file for one in named for file in files_of(one))]


def fill(task: Task, values: Mapping[str, Any], drawn: float) -> list[Message]:
    """The conversation of a row by one of the templates whose fields it has, none of them blank.

    drawn: which one, a number from 0 to below 1 over their shares. Raises UserError where the row fits no template.
    """
    fields = _prepared(task, values)
    fitting: list[tuple[Prompt, list[Message]]] = []
    missing: set[str] = set()
    for template in task.templates:
        try:
            messages: list[Message] = [
                {"role": role, "content": _filled(text, fields)}
                for role, text in (
                    ("system", template.system),
                    ("user", template.prompt),
                    ("assistant", template.response),
                )
                if text is not None
            ]
        except _MissingError as error:
            missing.add(str(error))
            continue
        fitting.append((template, messages))
    if not fitting:
        hint = f"its fields are: {', '.join(sorted(fields)) or 'none'}"
        raise UserError(f"no template fits: {'; '.join(sorted(missing))}", hint=hint, code=Exit.INPUT)
    place = drawn * sum(template.share for template, _ in fitting)
    for template, chosen in fitting:
        place -= template.share
        if place < 0:
            return chosen
    return fitting[-1][1]


class _MissingError(Exception):
    """A template needs what the row has not."""


def _prepared(task: Task, values: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(values)
    for name, split in task.split.items():
        text = fields.get(name)
        if isinstance(text, str) and split.by in text:
            before, _, after = text.rpartition(split.by)
            fields.update(zip(split.into, (before.strip(), after.strip()), strict=True))
    for name, words in task.values.items():
        if name in fields:
            value = fields[name]
            key = str(value).lower() if isinstance(value, bool) else str(value)
            if key not in words:
                hint = f"its `values` tell: {', '.join(words)}"
                raise UserError(f"field '{name}' is '{key}', which has no word", hint=hint, code=Exit.INPUT)
            fields[name] = words[key]
    return fields


def _filled(text: str, fields: Mapping[str, Any]) -> str:
    return _SLOT.sub(lambda found: found["brace"][0] if found["brace"] else _value(found, fields), text)


def _value(found: re.Match[str], fields: Mapping[str, Any]) -> str:
    slot = found[0]
    value = _field(found["field"], fields)
    if found["index"]:
        value = _entry(value, fields.get(found["index"]), slot)
    if found["how"] == "letter":
        if not isinstance(value, int) or not 0 <= value < len(_LETTERS):
            raise _MissingError(f"{slot} is no number of a letter")
        return _LETTERS[value]
    if found["how"]:
        if not isinstance(value, list) or not 0 < len(value) <= len(_LETTERS):
            raise _MissingError(f"{slot} is no list, or too long a one")
        marks = ["-"] * len(value) if found["how"] == "list" else [f"{letter}." for letter in _LETTERS]
        return "\n".join(f"{mark} {entry}" for mark, entry in zip(marks, value, strict=False))
    if isinstance(value, bool | list | dict) or value is None or not str(value).strip():
        raise _MissingError(f"{slot} is no text" if isinstance(value, bool | list | dict) else f"{slot} is missing")
    return str(value)


def _field(name: str, fields: Mapping[str, Any]) -> Any:
    value: Any = fields
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _entry(value: Any, index: Any, slot: str) -> Any:
    if isinstance(index, str) and len(index) == 1 and index in _LETTERS:
        index = _LETTERS.index(index)
    if isinstance(index, str) and index.isdecimal():
        index = int(index)
    if not isinstance(value, list) or not isinstance(index, int) or not 0 <= index < len(value):
        raise _MissingError(f"{slot} has no such entry")
    return value[index]
