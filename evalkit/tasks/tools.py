"""What some metrics need besides texts: a killable child that runs tests of programs, and scorers of harm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from evalkit.tasks.schema import Scoring, Task
from workbench import manifest, registry
from workbench.errors import UserError
from workbench.files import sha256

_HARM = ("toxicity", "toxic")


class Tools:
    """Opened where they are first needed, closed together. root: of the workspace, where runs are found by name."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._children: dict[tuple[float, int], Any] = {}
        self._scorers: dict[tuple[str | None, str | None], Callable[[Sequence[str]], list[float]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the children."""
        for child in self._children.values():
            child.close()
        self._children.clear()

    def check(self, tasks: Iterable[Task]) -> None:
        """Open every scorer that the tasks name, before a model is asked. Raises UserError for what is missing."""
        for task in tasks:
            if any(metric in _HARM for metric in task.metrics):
                if (task.scoring.model is None) == (task.scoring.words is None):
                    where = f"change.{task.name}.scoring"
                    hint = f"--set {where}.model=RUN (of curate harm train), or {where}.words=FILE (a word a line)"
                    raise UserError(f"{task.label}: what scores harm?", hint=hint)
                self._scorer(task.scoring)

    def digest(self, task: Task) -> str:
        """SHA-256 of the task with what scores its harm, a run's manifest or a list's bytes; without one, the task's.

        Raises UserError for what is missing.
        """
        if not any(metric in _HARM for metric in task.metrics):
            return task.digest
        self.check([task])
        words, model = task.scoring.words, task.scoring.model
        by = sha256(Path(words)) if words else manifest.digest(registry.find(str(model), self._root))
        return hashlib.sha256(f"{task.digest} {by}".encode()).hexdigest()

    def harm(self, scoring: Scoring, texts: Sequence[str]) -> list[float]:
        """From 0 to 1 for each text: the likeliest kind of harm by a model, or whether a listed word is in it."""
        return self._scorer(scoring)(texts)

    def passed(self, scoring: Scoring, programs: Sequence[str], tests: Sequence[str]) -> list[bool]:
        """Whether each program passes every test, in a child without network that writes no files."""
        from workbench.sandbox import Child, Limits, Request

        key = (scoring.wall_s, scoring.memory_mb)
        if key not in self._children:
            wall = scoring.wall_s + 30.0  # the runner in the child gives up before the child is killed
            limits = Limits(wall_s=wall, cpu_s=wall, memory_mb=scoring.memory_mb)
            self._children[key] = Child("train.rewards.runner:runner", limits)
        seconds = {"cpu_s": scoring.cpu_s, "wall_s": scoring.wall_s}
        work = [{"code": program, "tests": list(tests), **seconds} for program in programs]
        replies = self._children[key].run([Request({}, json.dumps(each).encode()) for each in work])
        return [reply.error is None and reply.header.get("passed", 0) >= len(tests) for reply in replies]

    def _scorer(self, scoring: Scoring) -> Callable[[Sequence[str]], list[float]]:
        key = (scoring.model, scoring.words)
        if key not in self._scorers:
            self._scorers[key] = (
                _by_words(scoring.words) if scoring.words else _by_model(str(scoring.model), self._root)
            )
        return self._scorers[key]


def _by_model(name: str, root: Path) -> Callable[[Sequence[str]], list[float]]:
    from curate.classify.config import HARM
    from curate.classify.model import load

    _, model = load(name, root, HARM)

    def score(texts: Sequence[str]) -> list[float]:
        return [float(value) for value in model.score_texts(texts).max(axis=1)]

    return score


def _by_words(file: str) -> Callable[[Sequence[str]], list[float]]:
    from curate.classify.model import batch_of
    from curate.measures.lexicon import Lexicons
    from curate.measures.lists import load_lists

    lexicons = Lexicons(load_lists(lexicons={"harm": file}))

    def score(texts: Sequence[str]) -> list[float]:
        return [float(count > 0) for count in lexicons(batch_of(texts))["harm"]]

    return score
