"""Virtual inputs: names such as `sample` that other modules turn into units and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from curate.sources.options import ReadOptions
from curate.sources.record import Record, UnitCounts, UnitSpec

Planner = Callable[[], list[UnitSpec]]
Reader = Callable[[UnitSpec, ReadOptions, UnitCounts], Iterator[Record]]


class _Virtual(NamedTuple):
    planner: Planner
    reader: Reader


_VIRTUAL: dict[str, _Virtual] = {}


def register_virtual(name: str, planner: Planner, reader: Reader) -> None:
    """Make `name` an input. Its units carry `source=name`; registering a name again replaces it.

    `planner()` gives the units; `reader(spec, options, counts)` gives the pages of one and may add to `counts.skipped`
    and `counts.bytes_in`.
    """
    _VIRTUAL[name] = _Virtual(planner, reader)


def virtual_planner(name: str) -> Planner | None:
    """The planner behind an input's name; None when it is no virtual input."""
    entry = _VIRTUAL.get(name)
    return entry.planner if entry else None


def virtual_reader(source: str) -> Reader | None:
    """The reader of the units of a virtual input."""
    entry = _VIRTUAL.get(source)
    return entry.reader if entry else None
