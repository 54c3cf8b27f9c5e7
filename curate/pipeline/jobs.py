"""How many workers a run is worth: each has to load everything before it does anything."""

from __future__ import annotations

from collections.abc import Sequence

from curate.sources import UnitSpec
from workbench.processes import cores

# A first worker is this process. With less than this of a compressed web crawl, another one made no run quicker.
BYTES = 12_000_000
RECORDS = 1500


def worthwhile(specs: Sequence[UnitSpec], limit: int | None) -> int:
    """Workers for an input of so many bytes, of which `limit` records are wanted: one a core at most."""
    more = sum({spec.file: spec.size for spec in specs}.values()) // BYTES
    if limit is not None:
        more = min(more, limit // RECORDS)
    return min(cores(), 1 + more)
