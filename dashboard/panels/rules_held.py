"""The measured documents of a run as the page of rules holds them, for all visitors together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from dashboard.ask import source_of
from dashboard.queries import measured
from dashboard.queries.measured import Documents, Values

if TYPE_CHECKING:
    from curate.rules import Profile, Rule
    from dashboard.source import Source
    from dashboard.workspace import RunRef


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Held:
    """A run's measured documents, one rule's measure of them, and the queries that read both.

    rows: where labelled documents stand, by id, as far as somebody asked (-1: it has no measures).
    """

    documents: Documents
    values: Values
    sql: tuple[str, ...]
    rows: dict[str, int] = field(default_factory=dict, hash=False, compare=False)


def held(run: RunRef, profile: Profile, rule: Rule) -> Held:
    """From memory, where the last few runs and measures stay. Raises UserError as `dashboard.queries.measured`."""
    documents, rows, first = _documents(str(run.path), run.version, run)
    column = profile.column(rule)
    when = "" if rule.when is None else rule.when.model_dump_json()
    values, second = _values(str(run.path), run.version, column, when, run, rule)
    return Held(documents, values, (*first, *second), rows)


# Three runs of a million documents and eight measures of them are 140 MB.
@st.cache_resource(max_entries=3, show_spinner="Reading what the run decided…")
def _documents(path: str, version: str, _run: RunRef) -> tuple[Documents, dict[str, int], tuple[str, ...]]:
    found, sql = _asked(_run, measured.documents)
    return found, {}, sql


@st.cache_resource(max_entries=8, show_spinner="Reading the rule's measure…")
def _values(
    path: str, version: str, column: str, when: str, _run: RunRef, _rule: Rule
) -> tuple[Values, tuple[str, ...]]:
    return _asked(_run, lambda source: measured.values(source, column=column, rule=_rule))


def _asked(run: RunRef, question: Callable[[Source], T]) -> tuple[T, tuple[str, ...]]:
    source = source_of(run)
    return question(source), tuple(dict.fromkeys(source.asked))
