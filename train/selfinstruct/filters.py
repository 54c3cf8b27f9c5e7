"""Which of the tasks that a model writes are kept."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import NamedTuple

import regex
from pydantic import Field, NonNegativeInt, PositiveInt

from train.selfinstruct.rouge import Pool
from train.selfinstruct.tasks import Task
from workbench.recipes import Section

# What a model that only reads and writes cannot do (the words of Alpaca's generate_instruction.py).
_BLOCKED = (
    "image images graph graphs picture pictures file files map maps draw plot video audio music flowchart diagram"
)
SHORT, LONG = "instruction too short", "instruction too long"
BLOCKED, BEGINNING = "instruction has a blocked word", "instruction begins with a blocked phrase"
PUNCTUATION, FOREIGN = "instruction begins with punctuation", "instruction begins with a character beyond ASCII"
EMPTY, SIMILAR = "no output", "too like another instruction"


class Filters(Section):
    """Alpaca's, and that an output must not be empty."""

    least_words: NonNegativeInt = 4
    most_words: PositiveInt = 150
    blocked: list[str] = [*_BLOCKED.split(), "go to"]  # noqa: RUF012  (pydantic copies it)
    """Words and phrases that an instruction must not have, whatever their case."""
    beginnings: list[str] = ["Write a program"]  # noqa: RUF012
    """Models that see few programs write bad ones."""
    ascii_only: bool = True
    """Whether an instruction must begin with an ASCII character; turn off for other scripts."""
    similar: float = Field(default=0.7, ge=0, le=1)
    """A task is dropped where the ROUGE-L of its instruction with any seed or kept one is above."""


class Kept(NamedTuple):
    """A task that passed, and how like the nearest of the pool its instruction is."""

    task: Task
    similarity: float
    place: int


class Sieve:
    """The filters with their pool: tasks are judged in order, each against the seeds and those kept before it."""

    def __init__(self, settings: Filters, seeds: Sequence[Task]) -> None:
        self._settings = settings
        phrases = "|".join(regex.escape(each) for each in settings.blocked)
        self._blocked = regex.compile(rf"(?i)\b(?:{phrases})\b") if phrases else None
        self._pool = Pool()
        for task in seeds:
            self._pool.add(task.instruction)

    def judge(self, task: Task) -> Kept | str:
        """The task, now in the pool, or the reason why it is dropped."""
        reason = self._reason(task)
        if reason is not None:
            return reason
        nearest = self._pool.nearest(task.instruction)
        if nearest.score > self._settings.similar:
            return SIMILAR
        self._pool.add(task.instruction)
        return Kept(task, nearest.score, nearest.place)

    def _reason(self, task: Task) -> str | None:
        settings, text = self._settings, task.instruction
        size = len(text.split())
        if size < settings.least_words or not text:
            return SHORT
        if size > settings.most_words:
            return LONG
        if self._blocked is not None and self._blocked.search(text):
            return BLOCKED
        if text.startswith(tuple(settings.beginnings)):
            return BEGINNING
        if text[0] in string.punctuation:
            return PUNCTUATION
        if settings.ascii_only and not text[0].isascii():
            return FOREIGN
        return None if task.output.strip() else EMPTY
