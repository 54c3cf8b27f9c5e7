"""How well a run's decisions agree with the planted truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curate.sample.planted import Truth

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Miss:
    """A record that ended otherwise than it should have. `state` is None when it has no row at all."""

    key: str
    kind: str
    url: str
    expected: str  # the state, for dropped ones with the words of which the rule should hold one
    state: str | None
    rule: str | None


@dataclass(frozen=True, slots=True)
class Score:
    """The agreement record by record and kind by kind.

    `confusion`: (kind, expected state, state) -> records, sorted; `misses` in file order; `extra`: ids nobody planted.
    """

    confusion: dict[tuple[str, str, str | None], int]
    misses: list[Miss]
    extra: list[str]


def score(decisions: pl.DataFrame, truths: Iterable[Truth]) -> Score:
    """Compare a table of decisions (columns id, row, state, rule) with the truth.

    A record is right when it is in the expected state and, if dropped, by a rule that the truth allows. Records with
    the same id are taken in the order of their place in the file.
    """
    rows: defaultdict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for identity, state, rule in decisions.sort("row").select("id", "state", "rule").iter_rows():
        rows[identity].append((state, rule))
    confusion: Counter[tuple[str, str, str | None]] = Counter()
    misses = []
    for truth in sorted(truths, key=lambda truth: truth.row):
        state, rule = rows[truth.id].pop(0) if rows[truth.id] else (None, None)
        confusion[truth.kind, truth.state, state] += 1
        if not _agrees(truth, state, rule):
            expected = " ".join((truth.state, *(("by", *truth.rules) if truth.rules else ())))
            misses.append(Miss(truth.key, truth.kind, truth.url, expected, state, rule))
    order = sorted(confusion, key=lambda cell: (cell[0], cell[1], cell[2] or ""))
    extra = sorted(identity for identity, left in rows.items() if left)
    return Score({cell: confusion[cell] for cell in order}, misses, extra)


def _agrees(truth: Truth, state: str | None, rule: str | None) -> bool:
    if state is None:
        return False
    if state == "dropped" == truth.state and truth.rules:
        return any(word in (rule or "") for word in truth.rules)
    return truth.state in (state, "any")
