"""Items: the rows of a task's data in the fields that its templates know, each with an identity of its own.

A row that cannot be asked (a field is missing, the right answer is none of the choices, a choice is empty) is an item
with a problem: it is counted and named, and never a wrong answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.tasks.data import Row
from evalkit.tasks.schema import Task
from evalkit.tasks.templates import LETTERS, TemplateProblem, evaluate, names_in


@dataclass(frozen=True, slots=True)
class Item:
    """One item.

    id: 32 hex digits, of the task's name and the fields, so that it stays the same in every order of the rows and
    under every preset. row: from 0, in the order of the data. line: the number from 1 in its file. choices: the
    texts that are scored. gold: indexes of the right ones. answers: right texts. tests: code that a right program
    passes. problem: why it cannot be asked.
    """

    id: str
    row: int
    file: str
    line: int
    fields: Mapping[str, Any]
    choices: tuple[str, ...] = ()
    gold: tuple[int, ...] = ()
    answers: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    cluster: str | None = None
    group: str | None = None
    problem: str | None = None

    @property
    def where(self) -> str:
        """`file:line`, for messages."""
        return f"{self.file}:{self.line}"


def read_items(task: Task, rows: Iterable[Row]) -> list[Item]:
    """The items of the rows, in their order. Rows of equal content are items of their own."""
    forms = [(form, _needs(form)) for form in task.forms]
    seen: dict[str, int] = {}
    return [_item(task, forms, row, number, seen) for number, row in enumerate(rows)]


def _needs(form: Mapping[str, str]) -> frozenset[str]:
    return frozenset().union(*(names_in(expression) for expression in form.values()))


def _item(task: Task, forms: list[Any], row: Row, number: int, seen: dict[str, int]) -> Item:
    fields: dict[str, Any] = {}
    problem = row.problem
    if problem is None:
        try:
            fields = _fields(forms, row.fields)
        except TemplateProblem as error:
            problem = str(error)
    content = _canonical([task.name, fields] if problem is None else _unasked(task, row))
    seen[content] = seen.get(content, -1) + 1
    key = content if not seen[content] else f"{content}\n{seen[content]}"
    made = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    item = Item(made, number, row.file, row.number, fields, problem=problem)
    if problem is not None:
        return item
    try:
        return _complete(task, item)
    except TemplateProblem as error:
        return Item(made, number, row.file, row.number, fields, problem=str(error))


def _unasked(task: Task, row: Row) -> list[Any]:
    """What tells a row that cannot be asked from others."""
    known: list[Any] = [task.name, row.file, row.number]
    try:
        _canonical(dict(row.fields))
    except (RecursionError, TypeError, ValueError):
        return known  # lists in lists without end, keys of different kinds
    return [*known, dict(row.fields)]


def _fields(forms: list[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields by the first form all of whose names the row has."""
    fewest: frozenset[str] | None = None
    for form, needs in forms:
        missing = needs - given.keys()
        if not missing:
            return {name: _plain(evaluate(expression, given)) for name, expression in form.items()}
        if fewest is None or len(missing) < len(fewest):
            fewest = missing
    named = ", ".join(sorted(fewest or ()))
    raise TemplateProblem(f"no field {named}")


def _complete(task: Task, item: Item) -> Item:
    fields = with_letters(item.fields)
    parts: dict[str, Any] = {}
    _check(item.fields)
    if task.formulation == "choice":
        parts["choices"] = _texts(evaluate(task.choices, fields), "choices")
        parts["gold"] = _gold(evaluate(task.gold, fields), len(parts["choices"]))
        _filled(parts["choices"])
        if len(parts["choices"]) < 2 and any(metric.startswith("acc") for metric in task.metrics):
            raise TemplateProblem("fewer than two choices")
    elif task.formulation == "generate" and needs_answers(task):
        parts["answers"] = _texts(evaluate(task.answers, fields), "answers")
    if task.tests is not None:
        parts["tests"] = _texts(evaluate(task.tests, fields), "tests")
    for name, expression in (("cluster", task.cluster), ("group", task.group)):
        if expression is not None:
            named = evaluate(expression, fields)
            # An item of no passage belongs with no other.
            parts[name] = None if named is None and name == "cluster" else _short(str(named))
    return Item(item.id, item.row, item.file, item.line, item.fields, **parts)


def _check(fields: Mapping[str, Any]) -> None:
    """What templates and metrics take for granted of some fields, whatever the preset makes of them."""
    choices, gold = fields.get("choices"), fields.get("gold")
    if isinstance(choices, list) and choices:
        _filled([str(choice) for choice in choices])
        if gold is not None:
            _gold(gold, len(choices))
    rules = fields.get("rules", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise TemplateProblem("rules: not a list of objects")
    spans = fields.get("spans", [])
    texts = isinstance(spans, list) and all(isinstance(each, list) and each for each in spans)
    if not texts or not all(isinstance(span, str) for each in spans for span in each):
        raise TemplateProblem("spans: not a list of lists of texts")


def _filled(choices: Sequence[str]) -> None:
    for place, choice in enumerate(choices):
        if not choice.strip():
            raise TemplateProblem(f"choice {place} is empty")


def _short(name: str) -> str:
    """What groups items, as a name: a passage by its hash."""
    return (
        name if len(name) <= _LONGEST_NAME else hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    )


_LONGEST_NAME = 80
_DEEPEST = 50
_WITHOUT_ANSWERS = {"pass_at_k", "toxicity", "toxic", "refused", "over_refused", "abstained", "instructions"}
_WITHOUT_ANSWERS |= {"all_instructions"}


def needs_answers(task: Task) -> bool:
    """Whether a metric compares with right answers."""
    return not _WITHOUT_ANSWERS.issuperset(task.metrics)


def with_letters(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, and `letters`: as many as there are choices."""
    choices = fields.get("choices")
    return {"letters": list(LETTERS[: len(choices)] if isinstance(choices, list) else LETTERS), **fields}


def _texts(value: Any, what: str) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not listed:
        raise TemplateProblem(f"{what}: no texts")
    if not all(isinstance(text, str | int | float) and not isinstance(text, bool) for text in listed):
        raise TemplateProblem(f"{what}: not all are texts")
    return tuple(str(text) for text in listed)


def _gold(value: Any, choices: int) -> tuple[int, ...]:
    listed = list(value) if isinstance(value, list | tuple) else [value]
    if not listed or not all(isinstance(index, int) for index in listed):
        raise TemplateProblem(f"the right answer {value!r} is no index of a choice")
    for index in listed:
        if not 0 <= index < choices:
            raise TemplateProblem(f"the right answer {int(index)} is out of range: there are {choices} choices")
    return tuple(int(index) for index in listed)


def _plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON has it, so that an item can be written down."""
    if depth > _DEEPEST:
        raise TemplateProblem(f"a value of more than {_DEEPEST} lists in each other")
    if isinstance(value, Mapping):
        return {str(name): _plain(each, depth + 1) for name, each in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, Iterator | list | tuple):
        return [_plain(each, depth + 1) for each in value]
    raise TemplateProblem(f"a value of type {type(value).__name__} is neither text, number nor list")


def _canonical(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
