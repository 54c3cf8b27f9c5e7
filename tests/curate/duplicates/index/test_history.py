"""Any history of additions and deletions leaves a sound index, in which nobody stays or goes without a reason."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from small_runs import doc_id, document, small_run

from curate.duplicates.index.delete import delete
from curate.duplicates.index.state import Index, writer
from curate.duplicates.index.tombstones import Request
from curate.duplicates.index.verify import verify

from .conftest import BREAD, TIDES, adding, documents


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}


def jaccard(one: str, other: str) -> float:
    left, right = shingles(one), shingles(other)
    return len(left & right) / len(left | right)


def some(chance: random.Random, number: int) -> list[dict[str, Any]]:
    """Documents of a few texts, changed here and there, under a few addresses."""
    rows = []
    for at in range(12):
        words = chance.choice([TIDES, BREAD, f"{TIDES} {BREAD}"]).split()
        for _ in range(chance.randrange(3)):
            words[chance.randrange(len(words))] = chance.choice(["salt", "wind", "glass"])
        url = f"https://h{chance.randrange(30)}.example/page"
        rows.append(document(f"{number}-{at}", " ".join(words), url=url))
    return rows


@pytest.mark.parametrize("seed", [1, 2])
def test_history(tmp_path: Path, index: Path, seed: int) -> None:
    chance = random.Random(seed)
    texts: dict[str, tuple[str, str]] = {}
    gone: set[str] = set()
    for number in range(4):
        rows = some(chance, number)
        texts |= {row["id"]: (row["text"], row["url"]) for row in rows}
        kept = chance.randrange(6, 12)
        adding(
            index, small_run(tmp_path / f"run-{number}", rows[:kept], [(row, "duplicates.near") for row in rows[kept:]])
        )
        before = {row["id"]: row["state"] for row in documents(index).iter_rows(named=True)}
        asked = chance.sample(sorted(before), 4)
        with writer(index) as own:
            delete(own, Request.of(ids=asked), reason="", root=tmp_path)
        gone.update(asked)
        wrong = [check for check in verify(Index.open(index)) if not check.ok]
        assert not wrong
        table = documents(index)
        assert set(table["id"]) == set(before) - gone
        assert {doc_id("nobody"), *gone}.isdisjoint(table["kept_id"].drop_nulls())
        for row in table.iter_rows(named=True):
            if row["state"] == "survivor":
                continue
            assert before[row["id"]] == "duplicate"  # who stayed goes on staying
            (text, url), (other, other_url) = texts[row["id"]], texts[row["kept_id"]]
            if row["method"] == "text":
                assert text == other
            elif row["method"] == "near":
                assert row["jaccard"] == jaccard(text, other) >= 0.8
            else:
                assert url == other_url
