"""Benchmark items from JSONL (plain, gzip, zstd) and Parquet: a question, and an answer where the file has one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from curate.contamination.match_index import Part
from curate.sources.rows import TABLES, read_bytes, read_table
from workbench.errors import Exit, UserError

# Fields by which benchmarks name a question; the first that a row has is taken.
QUESTION = (
    "premise",
    "question",
    "query",
    "problem",
    "goal",
    "prompt",
    "instruction",
    "input",
    "sentence",
    "sentence1",
    "ctx",
    "context",
    "context_options",
    "text",
)
ANSWER = (
    "answer",
    "answers",
    "canonical_solution",
    "solution",
    "continuation",
    "completion",
    "output",
    "response",
    "target",
    "targets",
    "hypothesis",
    "sentence2",
    "gold",
    "label",
    "answerKey",
)
CHOICES = ("choices", "options", "endings", "context_options")
NUMBERED_CHOICES = (("choice1", "choice2"), ("sol1", "sol2"), ("answerA", "answerB", "answerC", "answerD"))
# A context up to this many words belongs to its question; a longer one is a source text, which is no contamination.
SHORT_CONTEXT = 60
# What is looked for of a text: alignment takes time and memory by the square of it.
MOST_CHARACTERS = 20_000


class Item(NamedTuple):
    """One item: the file's name without suffix, the row (from 0), question, and answer or an empty string."""

    suite: str
    row: int
    question: str
    answer: str


class Benchmark(NamedTuple):
    """A file that was read: as it was named, its suite, size and SHA-256."""

    path: str
    suite: str
    bytes: int
    sha256: str


def read_items(
    against: Sequence[Path], question: str | None = None, answer: str | None = None
) -> tuple[list[Item], list[Benchmark]]:
    """The items of files and folders, by path. `question` and `answer` name the fields; without, they are guessed.

    Raises UserError with file and line (Parquet: row, from 1) for a file that cannot be read, has no item, or a row
    without the fields.
    """
    items: list[Item] = []
    benchmarks: list[Benchmark] = []
    for path in _files(against):
        data = read_bytes(path)
        suite = _suite(path, {known.suite for known in benchmarks})
        benchmarks.append(Benchmark(path.as_posix(), suite, len(data), hashlib.sha256(data).hexdigest()))
        before = len(items)
        for number, row in enumerate(read_table(path, data)):
            try:
                items.append(_item(suite, number, row.values, question, answer))
            except UserError as error:
                raise row.error(error.message, error.hint) from None
        if len(items) == before:
            raise UserError("no benchmark item", hint="name a file with one item a line", code=Exit.INPUT, file=path)
    return items, benchmarks


def parts_of(items: Sequence[Item]) -> list[Part]:
    """What is looked for: the question of every item, and its answer where it has one."""
    parts = []
    for number, item in enumerate(items):
        parts.append(Part(number, "question", item.question[:MOST_CHARACTERS]))
        if item.answer:
            parts.append(Part(number, "answer", item.answer[:MOST_CHARACTERS]))
    return parts


def _files(against: Sequence[Path]) -> list[Path]:
    found = []
    for path in against:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.name.endswith(TABLES) and file.is_file())
            if not inside:
                hint = f"benchmarks are read from {', '.join(TABLES)}"
                raise UserError(f"no benchmark file in {path}", hint=hint, code=Exit.INPUT)
            found += inside
        elif not path.name.endswith(TABLES):
            hint = f"benchmarks are read from {', '.join(TABLES)}"
            raise UserError(f"cannot tell what {path} is", hint=hint, code=Exit.INPUT)
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _suite(path: Path, taken: set[str]) -> str:
    name = path.name
    for suffix in sorted(TABLES, key=len, reverse=True):
        if name.endswith(suffix):
            name = name.removesuffix(suffix)
            break
    candidate = name if name not in taken else f"{path.parent.name}/{name}"
    if candidate in taken:
        hint = "rename one: suites are named by their files"
        raise UserError(f"two benchmark files are called {candidate}", hint=hint, file=path)
    return candidate


def _item(suite: str, number: int, row: Mapping[str, Any], question: str | None, answer: str | None) -> Item:
    name = _field(row, question, QUESTION, "question")
    assert name is not None
    answer_name = _field(row, answer, ANSWER, "answer", needed=answer is not None)
    answer_text = "" if answer_name is None else _answer(row, answer_name)
    text = _text(row[name], _chosen(row, "gold" if "gold" in row else answer_name))
    if name == "question" and question is None:
        context = row.get("context")
        if isinstance(context, str) and len(context.split()) <= SHORT_CONTEXT:
            text = f"{context} {text}"
    if not text.strip():
        raise UserError(f"the question (field '{name}') is empty", hint="remove the row, or name another field")
    return Item(suite, number, text, answer_text)


def _field(
    row: Mapping[str, Any], asked: str | None, known: Sequence[str], what: str, needed: bool = True
) -> str | None:
    if asked is not None:
        known = [asked]
    name = next((name for name in known if row.get(name) is not None), None)
    if name is None and needed:
        there = ", ".join(list(row)[:12])
        looked = f"'{asked}'" if asked is not None else " or ".join(known[:6]) + " ..."
        raise UserError(f"no {what}: no field {looked} among: {there}", hint=f"name the field with --{what} FIELD")
    return name


def _choices(row: Mapping[str, Any]) -> tuple[list[Any], list[str]]:
    """The choices and their labels, both empty where there are none."""
    for name in CHOICES:
        value = row.get(name)
        if isinstance(value, Mapping) and isinstance(value.get("text"), list):
            return value["text"], [str(label) for label in value.get("label", [])]
        if isinstance(value, list):
            return value, []
    for names in NUMBERED_CHOICES:
        if names[0] in row:
            return [row[name] for name in names if name in row], []
    return [], []


def _chosen(row: Mapping[str, Any], name: str | None) -> int | None:
    """Which choice the answer's field names, or None."""
    if name is None:
        return None
    value = row[name]
    choices, labels = _choices(row)
    place: int | None = None
    if isinstance(value, str) and value in labels:
        place = labels.index(value)
    elif isinstance(value, str) and value.isdigit() and len(value) == 1:
        place = int(value) - 1  # as text, choices are counted from 1; as a number, from 0
    elif isinstance(value, str) and len(value) == 1 and value.isalpha():
        place = ord(value.upper()) - ord("A")
    elif isinstance(value, int) and not isinstance(value, bool):
        place = value
    return place if place is not None and 0 <= place < len(choices) else None


def _answer(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    choices, _ = _choices(row)
    place = _chosen(row, name)
    if place is not None:
        return _text(choices[place], None)
    if isinstance(value, int | float) and not isinstance(value, bool) and name in ("gold", "label"):
        return ""  # a class number says nothing
    return _text(value, None)


def _text(value: Any, chosen: int | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        if not value:
            return ""
        return _text(value[chosen if chosen is not None and chosen < len(value) else 0], None)
    if isinstance(value, str | int | float):
        return str(value)
    raise UserError(f"{type(value).__name__} is no text", hint="name another field")
