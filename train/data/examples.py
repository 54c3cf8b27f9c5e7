"""Conversations before they are tokens, and what becomes of the rows that they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from train.data.pieces import Message
from train.data.records import Record
from workbench.errors import UserError

_NAMED = 5  # rows that a report names for each reason


class Example(NamedTuple):
    """A conversation, and the name of its row."""

    name: str
    messages: list[Message]


@dataclass
class Report:
    """What became of the rows of a set: counts by reason, and the names of the first of each.

    rows, tokens, labels: of what is kept. drop_invalid: whether a bad row is counted and left out, or stops everything.
    """

    drop_invalid: bool = False
    rows: int = 0
    tokens: int = 0
    labels: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    shortened: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)

    def note(self, counter: Counter[str], reason: str, name: str) -> None:
        """Count a row under a reason."""
        counter[reason] += 1
        names = self.named.setdefault(reason, [])
        if len(names) < _NAMED:
            names.append(name)

    def refuse(self, name: str, error: UserError) -> None:
        """Count a bad row, or raise its error with its name."""
        if not self.drop_invalid:
            raise UserError(f"{name}: {error.message}", hint=error.hint, code=error.code) from None
        self.note(self.dropped, error.message, name)


def capped(records: Iterable[Record], cap: int | None, key: str) -> list[Record] | Iterable[Record]:
    """At most `cap` of the rows, chosen by a hash of their names and kept in their order; a larger cap only adds."""
    if cap is None:
        return records
    rows = list(records)
    chosen = sorted(range(len(rows)), key=lambda row: (draw(key, rows[row].name), row))[:cap]
    return [rows[row] for row in sorted(chosen)]


def draw(key: str, name: str) -> float:
    """A number from 0 to below 1 that depends on the two alone."""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), key=blake2b(key.encode()).digest(), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) / 2**53
