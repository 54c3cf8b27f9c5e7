"""The search against brute force, and its indifference to cuts, order, partitions and workers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from signed_corpora import Page, expected_members, expected_pairs, write

from curate.duplicates import budget, exchange, runs
from curate.duplicates.exchange import Found, find
from curate.duplicates.types import SignedUnit
from workbench.errors import UserError
from workbench.executor import run_units

GB = 1 << 30
THRESHOLD = 0.6


def corpus(seed: int, count: int = 120) -> list[Page]:
    """Pages that are copies, edits and parts of a few originals, some of them at one address, some empty."""
    chance = random.Random(seed)
    originals = [frozenset(chance.sample(range(1, 2**32), chance.randint(5, 40))) for _ in range(count // 6)]
    pages = []
    for number in range(count):
        shingles = set(chance.choice(originals))
        for _ in range(chance.choice([0, 0, 1, 2, 5])):
            shingles.discard(min(shingles, default=0))
            shingles.add(chance.randrange(1, 2**32))
        if chance.random() < 0.05:
            shingles = set()
        text = hash(frozenset(shingles)) % 1000 + 1 if chance.random() < 0.9 else 0
        url = chance.choice([0, chance.randint(1, count // 3), 10_000 + number])
        pages.append(Page(f"page{number}", text, url, frozenset(shingles)))
    return pages


def cut(pages: list[Page], sizes: list[int]) -> list[list[Page]]:
    parts, begin = [], 0
    for size in sizes:
        parts.append(pages[begin : begin + size])
        begin += size
    return [*parts, pages[begin:]]


def search(
    directory: Path, units: list[list[Page]], *, jobs: int = 1, contained: float | None = None, lowest: int = 2
) -> tuple[Found, list[tuple[str | None, ...]]]:
    found = find(
        write(directory / "units", units, lowest=lowest),
        4,
        THRESHOLD,
        contained,
        directory=directory / "found",
        memory_bytes=GB,
        jobs=jobs,
    )
    names = [page.name for unit in units for page in unit]
    table = pl.read_parquet(found.members)
    assert table["doc"].is_sorted()
    return found, sorted(((names[doc], *keys) for doc, *keys in table.iter_rows()), key=str)


@pytest.mark.parametrize(("seed", "contained"), [(1, None), (2, 0.9), (3, None), (4, 0.7)])
def test_pairs_and_members_are_those_of_brute_force(tmp_path: Path, seed: int, contained: float | None) -> None:
    pages = corpus(seed)
    found, members = search(tmp_path, cut(pages, [50, 0, 30]), contained=contained)
    pairs = expected_pairs(pages, 4, 2, THRESHOLD, contained)
    assert pl.read_parquet(found.pairs).rows() == pairs
    assert members == expected_members(pages, pairs)
    assert found.counts["documents"] == len(pages)
    assert found.counts["nodes"] == len({page.shingles for page in pages if page.shingles})
    assert found.counts["pairs"] == len(pairs)
    assert found.counts["candidates"] >= found.counts["verified"] > 20


def once_by_workers() -> Callable[..., Any]:
    """`run_units` that gives each kind of work to workers once, and then to this process: workers start slowly."""
    known = set()

    def run(function: str, *arguments: Any, jobs: int, **options: Any) -> Any:
        first = function not in known
        known.add(function)
        return run_units(function, *arguments, jobs=jobs if first else 1, **options)

    return run


def test_neither_cut_nor_order_nor_partitions_nor_workers_leave_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = corpus(5)
    first, members = search(tmp_path / "first", [pages])
    random.Random(1).shuffle(pages)
    monkeypatch.setattr(exchange, "_SMALL", 1)
    monkeypatch.setattr(runs, "SAMPLE", 8)
    monkeypatch.setattr(budget, "_LEAST", 4000)
    monkeypatch.setattr(budget, "PROCESS", GB)
    second, same = search(tmp_path / "second", cut(pages, [1, 40, 40]), jobs=1)
    parts = {step.forecast.name: step.forecast.partitions for step in second.exchanges}
    assert parts["nodes"] > 1
    assert parts["verification"] > 1
    assert second.pairs.read_bytes() == first.pairs.read_bytes()
    assert same == members
    assert second.counts == first.counts
    monkeypatch.undo()
    monkeypatch.setattr(exchange, "_SMALL", 1)
    monkeypatch.setattr(exchange, "run_units", once_by_workers())
    third, same = search(tmp_path / "third", cut(pages, [60]), jobs=2)
    assert third.pairs.read_bytes() == first.pairs.read_bytes()
    assert same == members
    assert third.counts == first.counts


def test_a_large_bucket_is_paired_with_its_lowest_nodes(tmp_path: Path) -> None:
    common = frozenset(range(1, 31))
    pages = [Page(f"page{n}", 0, 0, common | {1000 + n}) for n in range(150)]
    found, _ = search(tmp_path, [pages], lowest=1)
    assert found.counts["largest_bucket"] > 64
    assert found.counts["buckets_cut"] >= 1
    assert pl.read_parquet(found.pairs).rows() == expected_pairs(pages, 4, 1, THRESHOLD, None)
    assert found.counts["pairs"] < 150 * 149 / 2


def test_excluded_documents_take_no_part(tmp_path: Path) -> None:
    pages = corpus(6)
    out = {3, 17, 64, 110}
    left = [page for number, page in enumerate(pages) if number not in out]
    units = [
        SignedUnit(unit.directory, unit.docs, np.array(sorted(out), np.uint32))
        for unit in write(tmp_path / "units", [pages])
    ]
    found = find(units, 4, THRESHOLD, None, directory=tmp_path / "found", memory_bytes=GB, jobs=1)
    pairs = expected_pairs(left, 4, 2, THRESHOLD, None)
    assert pl.read_parquet(found.pairs).rows() == pairs
    names = [(pages[doc].name, *keys) for doc, *keys in pl.read_parquet(found.members).iter_rows()]
    assert sorted(names, key=str) == expected_members(left, pairs)
    assert found.counts["documents"] == len(left)


def test_only_what_touches_a_new_document_is_wanted(tmp_path: Path) -> None:
    pages = corpus(7)
    since = 100
    units = write(tmp_path / "units", cut(pages, [since]))
    found = find(units, 4, THRESHOLD, None, directory=tmp_path / "found", memory_bytes=GB, jobs=1, since=since)
    whole = find(units, 4, THRESHOLD, None, directory=tmp_path / "whole", memory_bytes=GB, jobs=1)
    new = pl.read_parquet(whole.members).filter(pl.col("doc") >= since)
    table = pl.read_parquet(found.members)
    assert new.join(table, on=new.columns, how="anti", nulls_equal=True).is_empty()
    for key in ("text", "url"):
        assert set(table[key].drop_nulls()) == set(new[key].drop_nulls())
    pairs = pl.read_parquet(found.pairs)
    new_sets = new["set"].drop_nulls().implode()
    touching = pl.read_parquet(whole.pairs).filter(pl.col("left").is_in(new_sets) | pl.col("right").is_in(new_sets))
    assert 0 < pairs.height < found.counts["nodes"]
    near = pl.col("jaccard") >= THRESHOLD
    missed = touching.filter(near).join(pairs, on=["left", "right"], how="anti")
    # What only a chain of old pairs connects to a new document is not looked for.
    assert missed.height <= 0.1 * touching.height
    assert pairs.join(touching, on=["left", "right"], how="anti").is_empty()


def test_an_interrupted_search_goes_on_and_a_finished_one_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = corpus(8)
    units = write(tmp_path / "units", [pages])
    whole = find(units, 4, THRESHOLD, None, directory=tmp_path / "whole", memory_bytes=GB, jobs=1)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(exchange, "write_missing", dies)
        find(units, 4, THRESHOLD, None, directory=tmp_path / "found", memory_bytes=GB, jobs=1)
    assert not (tmp_path / "found" / "found.json").exists()
    heard: list[str] = []
    found = find(
        units,
        4,
        THRESHOLD,
        None,
        directory=tmp_path / "found",
        memory_bytes=GB,
        jobs=1,
        on_event=lambda event: heard.append(f"{event.step} {event.message}"),
    )
    assert "duplicates.verify resumed" in heard
    assert "duplicates.members started" in heard
    assert found.pairs.read_bytes() == whole.pairs.read_bytes()
    assert found.members.read_bytes() == whole.members.read_bytes()
    assert not (tmp_path / "found" / "scratch").exists()
    heard.clear()
    again = find(units, 4, THRESHOLD, None, directory=tmp_path / "found", memory_bytes=GB, jobs=1)
    assert (again.counts, again.exchanges, heard) == (found.counts, [], [])
    other = find(units, 4, 0.9, None, directory=tmp_path / "found", memory_bytes=GB, jobs=1)
    assert other.counts["pairs"] < found.counts["pairs"]


def test_without_bands_only_texts_and_addresses_are_compared(tmp_path: Path) -> None:
    pages = [page._replace(shingles=frozenset()) for page in corpus(9)]
    units = write(tmp_path / "units", [pages], bands=0)
    found = find(units, 0, THRESHOLD, None, directory=tmp_path / "found", memory_bytes=GB, jobs=1)
    assert pl.read_parquet(found.pairs).is_empty()
    names = [(pages[doc].name, *keys) for doc, *keys in pl.read_parquet(found.members).iter_rows()]
    assert sorted(names, key=str) == expected_members(pages, [])


@pytest.mark.parametrize("units", [[], [[]], [[], [Page("one", 1, 1, frozenset({1}))]]])
def test_nothing_to_find(tmp_path: Path, units: list[list[Page]]) -> None:
    found, members = search(tmp_path, units)
    assert members == []
    assert pl.read_parquet(found.pairs).columns[:2] == ["left", "right"]
    assert found.counts["pairs"] == 0


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    units = write(tmp_path / "units", [corpus(1, 12)])
    with pytest.raises(ValueError, match="were signed with"):
        find(units, 9, THRESHOLD, None, directory=tmp_path / "found", memory_bytes=GB, jobs=1)
    wrong = [SignedUnit(units[0].directory, 5, units[0].excluded)]
    with pytest.raises(ValueError, match="holds 12 documents, not 5"):
        find(wrong, 4, THRESHOLD, None, directory=tmp_path / "found", memory_bytes=GB, jobs=1)
    (units[0].directory / "sets.u32").write_bytes(b"")
    with pytest.raises(UserError, match="parts of the duplicate search failed"):
        find(units, 4, THRESHOLD, None, directory=tmp_path / "found", memory_bytes=GB, jobs=1)
    assert json.loads((units[0].directory / "unit.json").read_text())["docs"] == 12
