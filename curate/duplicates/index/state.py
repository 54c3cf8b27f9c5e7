"""`index.json` and who may change it: reading is free, writing takes the lock, and one rename makes a change real."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curate.duplicates.banding import banding
from curate.duplicates.config import Duplicates
from curate.duplicates.types import SignedUnit
from workbench.errors import Exit, UserError, output_error
from workbench.files import leftovers, remove, sha256, write_text
from workbench.locks import Lock, holder
from workbench.manifest import File
from workbench.registry import is_run

NAME, SEGMENTS, STAGING, DELETIONS, LOCK = "index.json", "segments", "staging", "deletions", "lock.json"
TOMBSTONES = "tombstones.jsonl"
DOCUMENTS, PAIRS, LINES = "documents.parquet", "pairs.parquet", "lines-*.npy"
SCHEMA: Literal["curate.index/1"] = "curate.index/1"
_TRIES = 5

Answer = TypeVar("Answer")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Segment(_Part):
    """Documents that were added together: up to one shard of a run."""

    name: str
    batch: int  # which `add` it came with; those of an earlier one stay before those of a later
    run: int
    rows: int  # as many as were added; deleted ones leave a gap
    documents: int
    survivors: int
    files: list[File]


class AddedRun(_Part):
    """A run whose documents were added; `digest` is that of its manifest, the path is relative to the index."""

    id: str
    path: str
    digest: str
    added: str
    documents: int
    known: int  # not added, as their ids were there
    deleted: int  # not added, as a tombstone names them
    duplicates: int


class Log(_Part):
    """How much of `tombstones.jsonl` counts."""

    bytes: int = 0
    count: int = 0
    sha256: str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of nothing


class State(_Part):
    """`index.json`."""

    schema_name: Literal["curate.index/1"] = Field(default=SCHEMA, alias="schema")
    generation: int = 0
    settings: Duplicates
    runs: list[AddedRun] = []
    segments: list[Segment] = []
    tombstones: Log = Log()


@dataclass(frozen=True)
class Index:
    """An index as it stood when it was opened."""

    path: Path
    state: State

    @classmethod
    def open(cls, path: Path) -> Index:
        """For reading. Raises UserError (exit 4) when there is none, or it cannot be understood."""
        state = _read(path)
        if state is None:
            hint = "make one: curate index add INDEX RUN"
            raise UserError(f"{path} holds no index", hint=hint, code=Exit.INPUT)
        return cls(path, state)

    @property
    def settings(self) -> Duplicates:
        """What fixes the keys, and which documents are duplicates."""
        return self.state.settings

    @property
    def bands(self) -> int:
        """How many bands a signature has."""
        return banding(self.settings.near).bands if self.settings.near.enabled else 0

    def directory(self, segment: Segment) -> Path:
        """Where a segment lies."""
        return self.path / SEGMENTS / segment.name

    def tables(self, name: str) -> list[Path]:
        """The file of this name of every segment that has one, in the order of the segments."""
        return [
            self.directory(segment) / name
            for segment in self.state.segments
            if any(file.path == name for file in segment.files)
        ]

    def units(self) -> list[SignedUnit]:
        """The signed documents of all segments, in order."""
        none = np.empty(0, np.uint32)
        return [SignedUnit(self.directory(segment), segment.rows, none) for segment in self.state.segments]

    def differences(self, *, contents: bool = True) -> Iterator[str]:
        """What files of the segments are not what `index.json` says, each in a few words; without `contents` only
        their being there and their sizes are looked at."""
        for segment in self.state.segments:
            where = self.directory(segment)
            for file in segment.files:
                path = where / file.path
                if not path.is_file():
                    yield f"{segment.name}/{file.path} is missing"
                elif path.stat().st_size != file.bytes or (contents and sha256(path) != file.sha256):
                    yield f"{segment.name}/{file.path} is not what its SHA-256 says"
            listed = {file.path for file in segment.files}
            if where.is_dir():
                others = sorted(path.name for path in where.iterdir() if path.name not in listed)
                yield from (f"{segment.name}/{name} is not listed" for name in others)

    def require_idle(self) -> None:
        """Raises UserError (exit 5) while a process writes the index."""
        by = holder(self.path / LOCK)
        if by is not None and not by.is_gone:
            raise UserError(
                f"{self.path} is being written by process {by.pid} on {by.host}, started {by.started}",
                hint="ask again when it has finished" if by.is_here else f"if it is gone, delete {self.path / LOCK}",
                code=Exit.LOCKED,
            )

    def run_path(self, number: int) -> Path:
        """Where a run lay when it was added."""
        return Path(os.path.normpath(self.path.resolve() / self.state.runs[number].path))


def ask(path: Path, question: Callable[[Index], Answer]) -> Answer:
    """Asks the index, and asks again where a writer has replaced it meanwhile, whose segments then vanish.

    Raises UserError (exit 5) where that never ends.
    """
    for _ in range(_TRIES):
        index = Index.open(path)
        try:
            with reading(index):
                answer = question(index)
        except (UserError, OSError, pl.exceptions.PolarsError):
            if Index.open(path).state.generation == index.state.generation:
                raise
            continue
        if Index.open(path).state.generation == index.state.generation:
            return answer
    raise UserError(f"{path} is being changed all the time", hint="ask again later", code=Exit.LOCKED)


@contextmanager
def reading(index: Index) -> Iterator[None]:
    """Where the files of the segments cannot be read because one is damaged, says which: UserError (exit 4).

    What damaged files make of their readers cannot be listed: errors of polars (its panics are no Exception), pyarrow
    and numpy, indices out of range. So any error has the checksums looked at, and is raised as it is if they are fine.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, pl.exceptions.PanicException):
        wrong = next(index.differences(), None)
        if wrong is None:
            raise
        raise damaged(index, wrong) from None


def damaged(index: Index, wrong: str) -> UserError:
    """For one of the `differences` of an index."""
    hint = f"see what else is wrong: curate index verify {index.path}"
    return UserError(f"{index.path} is damaged: {SEGMENTS}/{wrong}", hint=hint, code=Exit.INPUT)


def proof_path(index: Path, number: int) -> Path:
    """Where the proof report of a deletion lies; deletions are numbered from 1."""
    return index / DELETIONS / f"{number:06d}.json"


def _read(path: Path) -> State | None:
    try:
        return State.model_validate_json((path / NAME).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        what = error.strerror if isinstance(error, OSError) else "not an index of this version"
        hint = "it was made by another version of winnow, or damaged"
        raise UserError(f"cannot read {path / NAME}: {what}", hint=hint, code=Exit.INPUT) from None


class Writer:
    """The one process that changes an index; `index` is what stands, `commit` replaces it."""

    def __init__(self, path: Path, index: Index | None) -> None:
        self.path = path
        self.index = index

    @property
    def staging(self) -> Path:
        """Where this writer works; nothing in it outlives it."""
        return self.path / STAGING

    def commit(self, state: State) -> Index:
        """Make the change real, and only then remove the segments that it does not name."""
        before = 0 if self.index is None else self.index.state.generation
        state = state.model_copy(update={"generation": before + 1})
        write_text(self.path / NAME, state.model_dump_json(indent=1, by_alias=True) + "\n")
        self.index = Index(self.path, state)
        self.clean()
        return self.index

    def clean(self) -> None:
        """Remove what the index does not name: the work of writers that were killed, and what was replaced."""
        remove(self.staging)
        for path in [*leftovers(self.path), *leftovers(self.path / DELETIONS)]:
            remove(path)
        named = set() if self.index is None else {segment.name for segment in self.index.state.segments}
        segments = self.path / SEGMENTS
        for path in sorted(segments.iterdir()) if segments.is_dir() else []:
            if path.name not in named:
                remove(path)
        counts = Log() if self.index is None else self.index.state.tombstones
        log = self.path / TOMBSTONES
        if log.exists() and log.stat().st_size > counts.bytes:
            os.truncate(log, counts.bytes)
        for number in count(counts.count + 1):
            if not (proof := proof_path(self.path, number)).exists():
                break
            remove(proof)


@contextmanager
def writer(path: Path, *, create: bool = False) -> Iterator[Writer]:
    """The index at `path` for writing; with `create`, a new one where there is none.

    Raises UserError: exit 2 when the directory holds something else, 4 when there is no index, 5 when another process
    writes it, 7 when it cannot be written.
    """
    if not create:
        Index.open(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        _only_index(path)
        lock = Lock(path / LOCK)
    except OSError as error:
        raise output_error(error) or UserError(
            f"cannot write to {path}: {error.strerror}", hint="name another directory", code=Exit.OUTPUT
        ) from None
    try:
        state = _read(path)
        found = Writer(path, None if state is None else Index(path, state))
        found.clean()
        yield found
        remove(found.staging)
    finally:
        lock.release()


def _only_index(path: Path) -> None:
    """Refuses to make an index among somebody's files: a writer removes what it does not know."""
    own = (NAME, SEGMENTS, STAGING, DELETIONS, TOMBSTONES, LOCK)
    if (path / NAME).is_file():
        return
    if is_run(path) or not all(entry.name.startswith(own) for entry in path.iterdir()):
        raise UserError(f"{path} is not empty and holds no index", hint="name another directory")
