"""A small finished run with known documents; mixing reads no text."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from curate.ask.finished import FinishedRun
from curate.mix.groups import read_documents
from curate.mix.plan import Plan, make
from curate.mix.recipe import load
from workbench.runs import Run
from workbench.tables import ShardWriter

DOCUMENTS = 600


def frame() -> pl.DataFrame:
    """400 documents in en, 150 in de, 50 in fr; tokens 50 to 449; quality 0 to 1, absent in every 50th."""
    rows = range(DOCUMENTS)
    return pl.DataFrame(
        {
            "id": [f"{row * 2654435761 % 2**64:032x}" for row in rows],
            "lang": ["en" if row < 400 else "de" if row < 550 else "fr" for row in rows],
            "host": [f"host{row % 7}.example" for row in rows],
            "tokens": [50 + row * 37 % 400 for row in rows],
            "quality": [
                None if row % 50 == 7 else float("nan") if row % 50 == 8 else row * 61 % 600 / 600 for row in rows
            ],
            "topic": [("science", "home", "sports")[row % 3] for row in rows],
        }
    )


@pytest.fixture(scope="session")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's directory; tests only read it."""
    out = tmp_path_factory.mktemp("runs") / "crawl"
    rows = frame()
    tables = {
        "documents": rows.select("id", "lang", "host", "tokens"),
        # Measures hold dropped documents too, and stand in an order of their own.
        "measures": pl.concat(
            [
                rows.select("id", **{"quality.edu": "quality", "domain.topic": "topic"}).reverse(),
                pl.DataFrame({"id": ["f" * 32], "quality.edu": [0.5], "domain.topic": ["home"]}),
            ]
        ),
    }
    with Run.create(out, "curate.run", "a: 1\n", root=out.parent) as run:
        for name, table in tables.items():
            with ShardWriter(run.path / name, table.to_arrow().schema) as writer:
                writer.append(table)
        run.finish()
    return out


class Mixer:
    """`plan(yaml)` against the small run."""

    def __init__(self, crawl: Path, folder: Path) -> None:
        self.crawl = crawl
        self.file = folder / "mix.yaml"

    def __call__(self, text: str, *sets: str) -> Plan:
        self.file.write_text(text, "utf-8")
        run = FinishedRun.open(str(self.crawl), self.crawl.parent)
        return make(read_documents(run, load(self.file, sets, None)))


@pytest.fixture
def plan(crawl: Path, tmp_path: Path) -> Mixer:
    return Mixer(crawl, tmp_path)
