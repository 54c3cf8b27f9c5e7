"""How well a run's decisions agree with the planted truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

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
    """Compare a table of decisions (columns id, row, state, rule, partner) with the truth.

    A record is right when it is in the expected state and, if dropped, by a rule that the truth allows; or when it was
    dropped as the duplicate of a page of its own family that was kept. Of a page and its close copies one is kept where
    duplicates are looked for. Records with the same id are taken in the order of their place in the file.
    """
    planted = sorted(truths, key=lambda truth: truth.row)
    family = {truth.id: _family(truth) for truth in reversed(planted)}  # of repeats, that of the first
    rows: defaultdict[str, list[_Row]] = defaultdict(list)
    for identity, *found in decisions.sort("row").select("id", "state", "rule", "partner").iter_rows():
        rows[identity].append(_Row(*found))
    looked = decisions["rule"].str.starts_with(_DUPLICATE).any()
    confusion: Counter[tuple[str, str, str | None]] = Counter()
    kept: set[str] = set()
    misses = []
    # Originals first: a close copy is one too many where its original, or a copy before it, is kept.
    for truth in sorted(planted, key=lambda truth: truth.duplicate_of is not None):
        row = rows[truth.id].pop(0) if rows[truth.id] else _Row(None, None, None)
        confusion[truth.kind, truth.state, row.state] += 1
        close = truth.duplicate_of is None or (truth.jaccard or 0.0) >= _CLOSE
        again = looked and close and row.state == "kept" and _family(truth) in kept
        if row.state == "kept" and close:
            kept.add(_family(truth))
        expected = "dropped by duplicates" if again else " ".join((truth.state, *_by(truth)))
        if again or not _agrees(truth, row, family):
            misses.append(Miss(truth.key, truth.kind, truth.url, expected, row.state, row.rule))
    order = sorted(confusion, key=lambda cell: (cell[0], cell[1], cell[2] or ""))
    extra = sorted(identity for identity, left in rows.items() if left)
    return Score({cell: confusion[cell] for cell in order}, misses, extra)


def _family(truth: Truth) -> str:
    return truth.duplicate_of or truth.key


class _Row(NamedTuple):
    state: str | None
    rule: str | None
    partner: str | None


_DUPLICATE = "duplicates."
_CLOSE = 0.85  # copies planted nearer to the threshold of 0.8 may fall on either side of it once they are extracted


def _by(truth: Truth) -> tuple[str, ...]:
    return ("by", *truth.rules) if truth.rules else ()


def _agrees(truth: Truth, row: _Row, family: dict[str, str]) -> bool:
    if row.state is None:
        return False
    if (row.rule or "").startswith(_DUPLICATE):
        return truth.state != "dropped" and family.get(row.partner or "") == _family(truth)
    if row.state == "dropped" == truth.state and truth.rules:
        return any(word in (row.rule or "") for word in truth.rules)
    return truth.state in (row.state, "any")
