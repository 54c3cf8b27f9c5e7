"""Near duplicates planted in real text are found as the banding promises, and nothing else is.

A quick sample; tests/prove/test_planted.py does the same with all the text there is.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import planted
import polars as pl
import pytest
from near_search import Strings, expected_pairs, renumbered, search, set_names, sign, sign_units, wrong
from planted import Pair
from polars.testing import assert_frame_equal
from s_curve import alternating, curve, misses

from curate.duplicates.budget import PROCESS, Budget, budget
from curate.duplicates.config import Near
from curate.duplicates.resolve import resolve
from curate.duplicates.shingles import shingle_sets
from curate.segment import Segments

BANDINGS = ("fineweb", "olmo3", "auto", "20x13", "14x5")
NEAR = Near(enabled=True)
THRESHOLD = NEAR.threshold


@pytest.fixture(scope="module", params=["sample pages", "shared texts"])
def pairs(request: pytest.FixtureRequest) -> list[Pair]:
    """Planted pairs; of the built-in pages three times over, each time changed in another way."""
    if request.param == "sample pages":
        return [pair for seed in range(3) for pair in planted.plant(planted.sample_passages(), seed)]
    data: Path = request.getfixturevalue("shared_data")
    return planted.plant(planted.passages(data, every=60), 0)


def test_the_pairs_are_spread(pairs: list[Pair]) -> None:
    jaccard = np.array([pair.jaccard for pair in pairs])
    assert (np.histogram(jaccard, np.arange(0.5, 1, 0.05))[0] > len(pairs) / 40).all()
    assert {pair.kind for pair in pairs} == set(planted.KINDS)


def test_hashed_sets_have_the_similarity_of_the_strings(pairs: list[Pair]) -> None:
    shingles, first = shingle_sets(Segments(alternating(pairs)), NEAR)
    sets = np.split(shingles, first[1:-1])
    for pair, left, right in zip(pairs, sets[0::2], sets[1::2], strict=True):
        shared = len(np.intersect1d(left, right, assume_unique=True))
        assert shared / (len(left) + len(right) - shared) == pair.jaccard
        assert shared / min(len(left), len(right)) == pair.containment


@pytest.mark.parametrize("name", BANDINGS)
def test_the_share_found_follows_the_s_curve(pairs: list[Pair], name: str) -> None:
    found = curve(pairs, Near(enabled=True, banding=name), width=0.1)
    assert abs(found.deviation) < 4
    assert misses(found) == []


def test_what_is_reported_is_true_and_nothing_is_left_out(pairs: list[Pair], tmp_path: Path) -> None:
    texts = alternating(pairs)
    signed = sign(texts, NEAR)
    _, reported = search(sign_units([texts], NEAR, tmp_path), THRESHOLD, tmp_path / "found")
    strings = Strings(texts, set_names(signed))
    assert wrong(reported, strings, THRESHOLD) == []
    asked = expected_pairs(signed, strings, THRESHOLD)
    assert set(reported.select("left", "right").iter_rows()) == asked
    assert len(asked) > len(pairs) / 5


def test_no_trace_of_partitions_workers_and_order(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = alternating(pairs)
    members, _ = search(sign_units([texts], NEAR, tmp_path / "whole"), THRESHOLD, tmp_path / "one")
    order = random.Random(0).sample(range(len(texts)), len(texts))
    third = len(texts) // 3
    parts = [order[:third], order[third : third + 7], order[third + 7 :]]
    units = sign_units([[texts[i] for i in part] for part in parts], NEAR, tmp_path / "parts")
    room = 1 << 15  # of a worker: a few hundred rows
    monkeypatch.setattr("curate.duplicates.budget._LEAST", room)
    monkeypatch.setattr("curate.duplicates.exchange._SMALL", 5_000)
    memory = 3 * PROCESS + 2 * room
    assert budget(memory, jobs=2) == Budget(jobs=2, room=room)
    others, _ = search(units, THRESHOLD, tmp_path / "two", memory_bytes=memory, jobs=2)
    assert (tmp_path / "one" / "pairs.parquet").read_bytes() == (tmp_path / "two" / "pairs.parquet").read_bytes()
    assert_frame_equal(renumbered(others, order), members)


def test_of_every_near_pair_one_goes_and_nothing_else_does(pairs: list[Pair], tmp_path: Path) -> None:
    texts = alternating(pairs)
    strings = list(map(planted.shingles, planted.words(texts)))
    members, reported = search(sign_units([texts], NEAR, tmp_path), THRESHOLD, tmp_path / "found")
    ranks = random.Random(1).sample(range(len(texts)), len(texts))
    rows = members.select(
        pl.col("doc").cast(pl.String).alias("id"),
        "text",
        "url",
        "set",
        rank=pl.col("doc").replace_strict(range(len(texts)), ranks),
    )
    removed = resolve(rows, reported, THRESHOLD, None, text=False, url=False, near=True)
    gone = set(removed["dropped_id"])
    for dropped, kept, jaccard in removed.select("dropped_id", "kept_id", "jaccard").iter_rows():
        assert kept not in gone
        assert planted.similarity(strings[int(dropped)], strings[int(kept)])[0] == jaccard >= THRESHOLD
    ids = dict(rows.group_by("set").agg("id").iter_rows())
    for left, right in reported.select("left", "right").iter_rows():
        assert gone.issuperset(ids[left]) or gone.issuperset(ids[right])
