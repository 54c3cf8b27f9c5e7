"""datatrove's MinHash clusters of real pages; benchmarks/near_parity.py compares all of them, this the small ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def compared(benchmark_module: Callable[[str], ModuleType], shared_data: Path) -> tuple[ModuleType, Rows]:
    """All pages of every third cluster of 3 to 10 pages, and some that are in none."""
    rows = benchmark_module("parity").read(shared_data)
    sizes = [row["minhash"]["cluster_size"] for row in rows]
    names = sorted({row["minhash"]["cluster"] for row, size in zip(rows, sizes, strict=True) if 3 <= size <= 10})
    chosen = set(names[::3])
    alone = [row for row in rows if row["minhash"]["cluster"] == -1][::20]
    return benchmark_module("near_parity"), [row for row in rows if row["minhash"]["cluster"] in chosen] + alone


def test_its_clusters_are_restated_exactly(compared: tuple[ModuleType, Rows]) -> None:
    parity, rows = compared
    sets = parity.peer_minhash.shingles([row["text"] for row in rows])
    restated = parity.Reading(sets, parity.meeting(parity.peer_minhash.bands(sets), sets))
    stored: dict[int, int] = {}
    for page, row in enumerate(rows):
        name = row["minhash"]["cluster"]
        assert restated.roots[page] == (page if name == -1 else stored.setdefault(name, page))


def test_ours_are_those_of_its_pairs_that_are_similar(compared: tuple[ModuleType, Rows]) -> None:
    parity, rows = compared
    sets = parity.peer_minhash.shingles([row["text"] for row in rows])
    theirs = parity.Reading(sets, parity.meeting(parity.peer_minhash.bands(sets), sets))
    found = parity.ours([row["text"] for row in rows], "fineweb").verified
    assert all(found.jaccard(pair) >= parity.THRESHOLD for pair in found.pairs)
    similar = {pair for pair in theirs.pairs if theirs.jaccard(pair) >= parity.THRESHOLD}
    assert len(found.pairs & similar) > 0.95 * len(found.pairs | similar)
