"""Where a task's rows come from, and by what they are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from evalkit.tasks.data import Row, Sources, digest, read_rows
from evalkit.tasks.schema import Task
from workbench.manifest import Input


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a task's items or examples. digest: of their bytes."""

    files: tuple[str, ...]
    digest: str

    @property
    def name(self) -> str:
        """The files, for messages."""
        return ", ".join(self.files)

    def input(self) -> Input:
        """The line of a manifest."""
        sizes = [Path(file).stat().st_size for file in self.files if "://" not in file]
        return Input(path=self.name, bytes=sum(sizes), digest=self.digest)


def rows_of(task: Task, sources: Sources, *, shots: bool = False) -> tuple[Source, Iterable[Row]]:
    """The rows of a task's items, or of its examples (`shots`). UserError (exit 4) where they are not found."""
    data = task.shots.source if shots else task.data
    assert data is not None
    files = sources.locate(task.name, data, shots=shots)
    return Source(tuple(files), digest(files)), read_rows(files)
