"""Questions to runs, answered once: the cache between the pages and `dashboard.queries`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import streamlit as st

from dashboard.kept import Kept
from dashboard.settings import current
from dashboard.source import Source, open_database
from dashboard.workspace import RunRef, Workspace, scan
from workbench.people import People
from workbench.tables import Database

T = TypeVar("T")
ANSWERS_MB = 64
"""Of answers that are kept, for all visitors together."""
_answers = Kept(ANSWERS_MB << 20)


class Answer(NamedTuple, Generic[T]):
    """What a query function returned, and the SQL it asked, for those who want to see it."""

    value: T
    sql: tuple[str, ...]


def workspace() -> Workspace:
    """The runs as they are now; cheap enough for every rerun."""
    return scan(current().root)


def ask(function: Callable[..., T], run: RunRef, *, other: RunRef | None = None, **values: Any) -> Answer[T]:
    """`function(source, **values)` of `dashboard.queries`, from the cache where the same was asked of the same run.

    other: the run that it is compared with, where the function asks two. values: numbers, strings, None, or tuples of
    these.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    second = None if other is None else (str(other.path), other.version)

    def answer() -> Answer[T]:
        source = replace(source_of(run), other=other)
        return Answer(function(source, **values), tuple(source.asked))

    told = tuple((each, _typed(values[each])) for each in sorted(values))
    return _answers.get((name, str(run.path), run.version, second, told), answer)


def _typed(value: Any) -> tuple[Any, ...]:
    """A value with its type, for a key: 1, 1.0 and True are equal, and what is asked with them is not."""
    return tuple(map(_typed, value)) if isinstance(value, tuple) else (type(value).__name__, value)


def source_of(run: RunRef) -> Source:
    """The run to be asked without the cache: for what changes while it is watched."""
    return Source(_database(tuple(map(str, workspace().directories))), run)


# Each may take `source.MEMORY_MB`; another one is opened only when a run outside of the workspace is registered.
@st.cache_resource(max_entries=2, show_spinner=False)
def _database(directories: tuple[str, ...]) -> Database:
    return open_database([Path(each) for each in directories])


def people() -> People:
    """The votes, labels and notes of the workspace."""
    return _people(str(current().root))


@st.cache_resource(max_entries=2, show_spinner=False)
def _people(root: str) -> People:
    return People(Path(root))
