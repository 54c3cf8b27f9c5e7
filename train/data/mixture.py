"""Mixtures: so many rows a step from parts by weights that change in phases, as a pure function of the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from train.data.batch import Batch
from train.data.packing import Ints
from train.data.rows import Content, Stream, collate
from workbench.errors import UserError, did_you_mean

_UNITS = 1 << 31  # the shares of a phase in integers, so that their cumulative rounding is exact
_SNAPSHOT = 1 << 14  # rows between kept states of the rounding


@dataclass(frozen=True)
class Part:
    """Some documents of some content; `copies` says how often a cycle reads each of them (default: once)."""

    content: Content
    documents: Ints
    copies: Ints | None = None


@dataclass(frozen=True)
class Phase:
    """So many steps in which each part has a share of the rows, proportional to its weight."""

    name: str
    steps: int
    weights: Mapping[str, float] = field(default_factory=dict)


class Mixture:
    """A `Source` whose rows come from parts by the weights of phases.

    rows: of one step, over all ranks. micro: rows of one forward pass. width: tokens of a row. Row n of all rows is
    a function of (seed, n); a step is `rows` consecutive ones and a rank reads every world-th of them, so neither
    `world` nor `micro` changes what a step reads. Within a phase each part has, after every row, less than one row
    more or less than its share asks. A part goes on in a later phase where it stopped; the weights of the last
    phase hold for any step after it. Raises UserError for a part that is not there, or weights that are no shares.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        phases: Sequence[Phase],
        *,
        rows: int,
        micro: int,
        width: int,
        seed: int,
    ) -> None:
        if min(rows, micro) < 1:
            raise UserError(f"{rows} rows a step in micro-batches of {micro}", hint="both are one or more")
        if not phases:
            raise UserError("a mixture needs a phase", hint="give at least one, with its steps and weights")
        self.rows, self.micro, self.width = rows, micro, width
        self.phases = tuple(phases)
        self.steps = sum(phase.steps for phase in phases)
        used = sorted({name for phase in phases for name in _positive(phase, parts)})
        self.streams = {
            name: Stream(parts[name].content, parts[name].documents, width, name, seed, parts[name].copies)
            for name in used
        }
        self._shares = [Shares([phase.weights.get(name, 0.0) for name in used]) for phase in phases]
        self._first_rows = np.cumsum([0, *(phase.steps * rows for phase in phases)])
        self._before = [np.zeros(len(used), np.int64)]  # rows of each part before each phase

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        """The micro-batches of one rank in one step."""
        if self.rows % world:
            message = f"{self.rows} rows a step cannot be shared equally by {world} processes"
            raise UserError(message, hint="choose a multiple of the number of processes")
        rows = self._rows(step)[rank::world]
        return [
            collate([self.streams[name].row(number) for name, number in rows[first : first + self.micro]], self.width)
            for first in range(0, len(rows), self.micro)
        ]

    def seen(self, steps: int) -> dict[str, dict[str, float]]:
        """What the first so many steps read, by part: rows, tokens, labels, epochs."""
        counts = self._counts(steps * self.rows)
        return {
            name: stream.seen(int(count)) for (name, stream), count in zip(self.streams.items(), counts, strict=True)
        }

    def _phase(self, row: int) -> int:
        return min(int(np.searchsorted(self._first_rows, row, side="right")), len(self.phases)) - 1

    def _starts(self, phase: int) -> Ints:
        while len(self._before) <= phase:
            last = len(self._before) - 1
            length = int(self._first_rows[last + 1] - self._first_rows[last])
            self._before.append(self._before[last] + self._shares[last].counts(length))
        return self._before[phase]

    def _counts(self, row: int) -> Ints:
        """How many of the first so many rows are each part's."""
        phase = self._phase(row)
        return self._starts(phase) + self._shares[phase].counts(row - int(self._first_rows[phase]))

    def _rows(self, step: int) -> list[tuple[str, int]]:
        """Part and number of each row of a step."""
        names = list(self.streams)
        phase = self._phase(step * self.rows)
        begin = step * self.rows - int(self._first_rows[phase])
        counts = self._counts(step * self.rows).copy()
        rows = []
        for part in self._shares[phase].owners(begin, begin + self.rows).tolist():
            rows.append((names[part], int(counts[part])))
            counts[part] += 1
        return rows


def _positive(phase: Phase, parts: Mapping[str, Part]) -> list[str]:
    for name, weight in phase.weights.items():
        if name not in parts:
            raise UserError(f"phase '{phase.name}': there is no part '{name}'", hint=did_you_mean(name, parts))
        if not 0 <= weight < float("inf"):
            raise UserError(f"phase '{phase.name}': the weight of '{name}' is {weight}", hint="weights are 0 or more")
    used = [name for name, weight in phase.weights.items() if weight > 0]
    if not used or phase.steps < 0:
        raise UserError(f"phase '{phase.name}' reads nothing", hint="give a part a weight above 0, and some steps")
    return used


class Shares:
    """Who owns each of an endless row of places, so that nobody is ever a whole place off the share it has.

    Each place goes to the part that must have one soonest, of those whose share has earned another (the P-fair
    schedule of Baruah et al. 1996 on one machine; earliest deadline first is exact there). In integers: shares are
    held to one in 2^31.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        exact = np.asarray(weights, np.float64) / np.sum(weights) * _UNITS
        self._units = np.floor(exact).astype(np.int64)
        rest = _UNITS - int(self._units.sum())
        self._units[np.argsort(self._units - exact, kind="stable")[:rest]] += 1
        self._snapshots = [np.zeros(len(exact), np.int64)]

    def counts(self, place: int) -> Ints:
        """How many of the first so many places each part owns. [parts]"""
        counts, begin = self._state(place)
        _share(self._units, counts, begin, np.empty(place - begin, np.int64))
        return counts

    def owners(self, begin: int, end: int) -> Ints:
        """The parts that own some places. [end - begin]"""
        owners = np.empty(end - begin, np.int64)
        _share(self._units, self.counts(begin), begin, owners)
        return owners

    def _state(self, place: int) -> tuple[Ints, int]:
        wanted = place // _SNAPSHOT
        while len(self._snapshots) <= wanted:
            counts = self._snapshots[-1].copy()
            _share(self._units, counts, (len(self._snapshots) - 1) * _SNAPSHOT, np.empty(_SNAPSHOT, np.int64))
            self._snapshots.append(counts)
        return self._snapshots[wanted].copy(), wanted * _SNAPSHOT


@njit(cache=True)
def _share(units: Ints, counts: Ints, begin: int, owners: Ints) -> None:
    """Give each of the places from `begin` on to a part; counts (of the places before) go on with it."""
    for place in range(len(owners)):
        best, soonest = -1, 0
        for part in range(len(units)):
            if units[part] * (begin + place + 1) > counts[part] * _UNITS:
                deadline = -((-(counts[part] + 1) * _UNITS) // units[part])
                if best < 0 or deadline < soonest:
                    best, soonest = part, deadline
        owners[place] = best
        counts[best] += 1
