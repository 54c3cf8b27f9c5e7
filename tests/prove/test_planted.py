"""Near duplicates planted in all the real text there is: what is found, whether it is true, and whether it varies."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import planted
import pytest
from near_search import Strings, expected_pairs, renumbered, search, set_names, sign, sign_units, wrong
from planted import Pair
from polars.testing import assert_frame_equal
from s_curve import Curve, alternating, curve, misses

from curate.duplicates.budget import PROCESS, Budget, budget
from curate.duplicates.config import Near

pytestmark = pytest.mark.prove
Record = Callable[[str, str], None]

BANDINGS = {
    "fineweb": "datatrove, FineWeb",
    "olmo3": "OLMo 3",
    "14x5": "OLMo 3's PDFs",
    "20x13": "NeMo Curator",
    "25x10": "Data-Juicer",
    "24x10": "text-dedup",
    "14x9": "RedPajama 2",
    "9x13": "RedPajama 2",
    "5x25": "RedPajama 2",
    "450x20": "RefinedWeb",
}


@pytest.fixture(scope="module")
def pairs(shared_data: Path) -> list[Pair]:
    return planted.plant(planted.passages(shared_data), 0)


def described(found: Curve) -> str:
    tenths: dict[int, tuple[float, float, int]] = {}
    for one in found.bins:
        hits, expected, pairs = tenths.get(tenth := int(10 * one.low + 1e-9), (0, 0, 0))
        tenths[tenth] = hits + one.found, expected + one.expected, pairs + one.pairs
    shares = ", ".join(
        f"0.{tenth}: {100 * hits / pairs:.1f} ({100 * expected / pairs:.1f})"
        for tenth, (hits, expected, pairs) in tenths.items()
        if pairs >= 50
    )
    total = f"{found.found:,} of {found.pairs:,} found, {found.expected:,.0f} expected ({found.deviation:+.1f} sd)"
    return f"{total}; per cent found (expected) from each similarity on: {shares}"


@pytest.mark.parametrize("name", BANDINGS)
def test_the_share_found_follows_the_s_curve(pairs: list[Pair], name: str, record: Record) -> None:
    found = curve(pairs, Near(enabled=True, banding=name))
    assert abs(found.deviation) < 4
    assert misses(found) == []
    record(f"planted pairs, {found.bands}x{found.rows} ({BANDINGS[name]})", described(found))


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_the_share_found_follows_the_s_curve_of_the_chosen_banding(
    pairs: list[Pair], threshold: float, record: Record
) -> None:
    found = curve(pairs, Near(enabled=True, banding="auto", threshold=threshold))
    assert abs(found.deviation) < 4
    assert misses(found) == []
    record(f"planted pairs, {found.bands}x{found.rows} (auto for {threshold})", described(found))


def test_every_kind_of_change_and_every_group_of_languages(pairs: list[Pair], record: Record) -> None:
    groups = {kind: [pair for pair in pairs if pair.kind == kind] for kind in planted.KINDS}
    groups["English"] = [pair for pair in pairs if pair.language == "en"]
    groups["crawled pages"] = [pair for pair in pairs if pair.language == "crawl"]
    groups["other languages"] = [pair for pair in pairs if pair.language not in ("en", "crawl")]
    found = {name: curve(group, Near(enabled=True)) for name, group in groups.items()}
    assert all(abs(one.deviation) < 4 and misses(one) == [] for one in found.values())
    languages = len({pair.language for pair in pairs} - {"crawl"})
    each = (f"{name} {one.found:,} of {one.pairs:,} ({one.deviation:+.1f} sd)" for name, one in found.items())
    record("planted pairs by kind", f"14x8, {languages} languages and varieties: {', '.join(each)}")


@pytest.mark.parametrize(("name", "threshold"), [("fineweb", 0.8), ("olmo3", 0.8), ("auto", 0.6)])
def test_what_is_reported_is_true_and_nothing_is_left_out(
    pairs: list[Pair], name: str, threshold: float, tmp_path: Path, record: Record
) -> None:
    near = Near(enabled=True, banding=name, threshold=threshold)
    texts = alternating(pairs)
    signed = sign(texts, near)
    strings = Strings(texts, set_names(signed))
    asked = expected_pairs(signed, strings, threshold)
    _, reported = search(sign_units([texts], near, tmp_path), threshold, tmp_path / "found", jobs=2)
    assert wrong(reported, strings, threshold) == []
    assert set(reported.select("left", "right").iter_rows()) == asked
    found = (
        f"{reported.height:,} pairs reported among {len(texts):,} documents, each with exactly the Jaccard similarity "
    )
    found += "and containment of the sets of strings; exactly those pairs that meet in a band and are that similar"
    record(f"precision 1.0, {name} at {threshold}", found)


def test_no_trace_of_partitions_workers_and_order(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: Record
) -> None:
    near = Near(enabled=True)
    texts = alternating(pairs)
    members, _ = search(sign_units([texts], near, tmp_path / "whole"), near.threshold, tmp_path / "found")
    monkeypatch.setattr("curate.duplicates.exchange._SMALL", 10_000)
    tried = []
    for seed, (jobs, room) in enumerate([(2, 1 << 24), (3, 1 << 20), (2, 1 << 18)]):
        chance = random.Random(seed)
        order = chance.sample(range(len(texts)), len(texts))
        cuts = sorted(chance.sample(range(len(texts)), seed + 2))
        parts = [order[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]
        units = sign_units([[texts[i] for i in part] for part in parts], near, tmp_path / f"units-{seed}")
        monkeypatch.setattr("curate.duplicates.budget._LEAST", room)
        memory = (jobs + 1) * PROCESS + jobs * room
        assert budget(memory, jobs) == Budget(jobs, room)
        out = tmp_path / f"found-{seed}"
        others, _ = search(units, near.threshold, out, memory_bytes=memory, jobs=jobs)
        assert (out / "pairs.parquet").read_bytes() == (tmp_path / "found" / "pairs.parquet").read_bytes()
        assert_frame_equal(renumbered(others, order), members)
        tried.append(f"{jobs} workers with {room >> 10:,} KB of data each")
    record(
        "the same duplicates", f"one worker; {'; '.join(tried)}; every time another order and other units: same bytes"
    )
