"""A run of a few documents in several scripts, and its index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_runs import document, small_run

from curate.ask.finished import FinishedRun
from curate.search.index import Built, build
from curate.search.place import index_path

SHARD_ROWS = 4

KEPT: list[dict[str, Any]] = [
    document("bread", "Bread is made of flour and water. Sour dough needs no yeast.", lang="en", title="Of bread"),
    document("mill", "The water turns the wheel, and the wheel turns the stone.\nFlour runs out.", lang="en"),
    document("cafe", "Le CAFÉ est fermé; la crème brûlée aussi.", lang="fr", title="Fermé"),
    document("decomposed", "Un cafe\u0301 au lait.", lang="fr"),
    document("tokyo", "私は東京都に住んでいます。", lang="ja", title="東京"),
    document("kyoto", "京都は古い都です。PythonとC++も。", lang="ja"),
    document("thai", "ประเทศไทยมีน้ำมาก", lang="th"),
    document("hindi", "हिन्दी भाषा में पानी", lang="hi"),
    document("korean", "한국은 물이 많다", lang="ko"),
    document("odd", "a\0b \x02c\x1f x_y don't R&D 100% \U0001f642", lang=None, title=None),
]
DROPPED = [
    (document("spam", "Buy cheap flour flour flour flour now", lang="en", url="https://shop.example/a"), "gopher.rep"),
    (document("menu", "water bread home contact", lang="en", url="https://shop.example/b"), "c4.lines"),
]
TEXTS = {row["id"]: row["text"] for row in (*KEPT, *(row for row, _ in DROPPED))}


def make(folder: Path, **options: Any) -> FinishedRun:
    """The run, in several shards."""
    path = small_run(folder / "crawl", KEPT, DROPPED, shard_rows=SHARD_ROWS, **options)
    return FinishedRun.open(str(path), folder)


def index(run: FinishedRun, to: Path | None = None, *, sample: int | None = None, seed: int = 0) -> Built:
    """Its index, as the command makes it."""
    return build(run, index_path(run.path, to), sample=sample, seed=seed, listener=lambda event: None)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return make(tmp_path_factory.mktemp("search"))


@pytest.fixture(scope="session")
def built(run: FinishedRun) -> Built:
    """Tests only read it."""
    return index(run)
