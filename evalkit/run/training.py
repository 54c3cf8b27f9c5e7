"""What a model was trained on, as far as its runs say: tasks of which it saw the training split stand apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evalkit.run.plan import Planned
from workbench import manifest, registry
from workbench.errors import UserError
from workbench.runs import Run

_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Training:
    """run: the finished run that made the model, None where there is none. inputs: path and digest of all that it and
    the runs before it read."""

    run: Run | None = None
    inputs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, model: str, root: Path) -> Training:
        """Of a model by the name that the user gave it."""
        directory = _run_of(model, root)
        if directory is None:
            return cls()
        inputs = {
            (entry.path, entry.digest)
            for ancestor in registry.lineage(directory, root)
            if ancestor.path is not None
            for entry in _inputs(ancestor.path)
        }
        run = Run.open(directory, root)
        return cls(run if run.is_finished else None, tuple(sorted(inputs)))


def _run_of(model: str, root: Path) -> Path | None:
    """The run that is the model, or in which its checkpoint lies."""
    path = Path(model)
    if path.is_dir():
        here = path.resolve()
        return next((place for place in (here, *list(here.parents)[:2]) if registry.is_run(place)), None)
    try:
        return registry.find(model, root)
    except UserError:
        return None  # a server, a mock, recorded answers


def _inputs(run: Path) -> Iterator[manifest.Input]:
    found = manifest.read(run)
    if found is not None:
        yield from found.inputs


def seen(training: Training, planned: Planned) -> list[str]:
    """The files of the model's training that hold the task's training split, or its very items.

    A file is known by its digest, or by a name that holds that of a data set in the task's `trained_on`.
    """
    digests = {source.digest for source in (planned.source, planned.examples) if source is not None}
    names = [_words(name) for name in planned.task.trained_on]
    return [
        path
        for path, digest in training.inputs
        if digest in digests or any(f"-{name}-" in f"-{_words(path)}-" for name in names)
    ]


def _words(name: str) -> str:
    return _NAME.sub("-", name.lower()).strip("-")
