"""Tasks, the prompt that shows some of them, and the tasks read from what a model writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import regex

from train.data.records import bad_row, read_records
from train.rewards.judge import check_fields, fill

SEEDS = Path(__file__).parent / "seeds.jsonl"
"""A handful of tasks to begin with; more and of your own are better."""
PROMPT = Path(__file__).parent / "prompt.txt"
NO_INPUT = "<noinput>"
UNREAD, CUT = "not in the form of a task", "cut off"
_BETWEEN = regex.compile(r"(?m)^[ \t]*#{3,}[ \t]*$")
_LABEL = regex.compile(r"(?m)^[ \t]*(\d+)[.)][ \t]*(Instruction|Input|Output):")
_ORDER = ["Instruction", "Input", "Output"]


class Task(NamedTuple):
    """An instruction, the input that it is about (may be empty), and the wanted output."""

    instruction: str
    input: str
    output: str


def read_seeds(path: Path) -> list[Task]:
    """Tasks as Alpaca's (`instruction, input, output`) or as Self-Instruct's (`instruction, instances`, of which the
    first counts). UserError (exit 4) with the row's name for any other."""
    found = []
    for name, values in read_records(path):
        given = values.get("instances")
        answer: Any = given[0] if isinstance(given, list) and given and isinstance(given[0], dict) else values
        fields = (values.get("instruction"), answer.get("input", ""), answer.get("output"))
        if not all(isinstance(each, str) for each in fields) or not str(fields[0]).strip():
            hint = "wanted: instruction, input, output; or instruction and instances of input and output"
            raise bad_row(path, name, "no task", hint)
        found.append(Task(*(str(each).strip() for each in fields)))
    return found


def check_prompt(template: str) -> str:
    """The template itself; UserError where a field is missing."""
    check_fields(template, ("count", "tasks"), "the prompt of self-instruct")
    return template


def prompt(template: str, shown: Sequence[Task], count: int) -> str:
    """What a model goes on from: the template, the tasks, and the beginning of the next one."""
    lines = []
    for number, task in enumerate(shown, 1):
        instruction = regex.sub(r"\s+", " ", task.instruction).strip().rstrip(":")
        lines.append(f"###\n{number}. Instruction: {instruction}\n")
        lines.append(f"{number}. Input:\n{task.input or NO_INPUT}\n{number}. Output:\n{task.output}\n")
    lines.append(f"###\n{len(shown) + 1}. Instruction:")
    return fill(template.rstrip("\n"), {"count": str(count), "tasks": "".join(lines)})


class Parsed(NamedTuple):
    """Tasks, and the stretches of text that are none with the reason."""

    tasks: list[Task]
    wrong: list[tuple[str, str]]


def parse(text: str, number: int, *, is_cut: bool) -> Parsed:
    """The tasks of an answer to a prompt that ends where task `number` begins.

    is_cut: the model was stopped by its limit of tokens, so its last task is not whole.
    """
    begun = _LABEL.search(text)
    if begun is None or begun[2] != "Instruction":
        # It goes on in the middle of the line, as it was asked to; who chats may begin the line anew.
        text = f"{number}. Instruction:{text}"
    tasks: list[Task] = []
    wrong: list[tuple[str, str]] = []
    stretches = [each for each in _BETWEEN.split(text) if each.strip()]
    for place, stretch in enumerate(stretches):
        if is_cut and place == len(stretches) - 1:
            wrong.append((CUT, stretch.strip()))
            continue
        parts = _LABEL.split(stretch)
        if len(parts) != 10 or parts[2::3] != _ORDER or len(set(parts[1::3])) != 1 or (place and parts[0].strip()):
            wrong.append((UNREAD, stretch.strip()))
            continue
        instruction, given, output = (part.strip() for part in parts[3::3])
        tasks.append(Task(instruction, "" if given.lower().strip(" .") == NO_INPUT else given, output))
    return Parsed(tasks, wrong)
