"""A finished run of known documents, some of which belong together, in several shards and row groups."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from small_runs import document
from whole_run import outputs

from curate.ask.finished import FinishedRun
from curate.duplicates.resolve import DUPLICATES
from curate.pipeline.schemas import DOCUMENTS, FINGERPRINTS, PAIRS
from curate.recipe import load
from workbench import tables
from workbench.runs import Run

COUNT = 900
NAMES = [f"page{number:04d}" for number in range(COUNT)]


def rows() -> pl.DataFrame:
    found = [
        document(name, f"Text of {name}, " + "word " * (number * 7 % 50), tokens=20 + number % 5, row=number, lang="en")
        for number, name in enumerate(NAMES)
    ]
    return pl.DataFrame(found, DOCUMENTS, orient="row")


def related(ids: list[str]) -> dict[str, pl.DataFrame]:
    """The first 300 documents in 100 chains of three, tied by a text, an address, a set, a pair, or a dropped page."""
    prints, pairs, gone = [], [], []
    for number in range(100):
        one, two, three = ids[3 * number : 3 * number + 3]
        key = f"{number:032x}"
        blank = dict.fromkeys(FINGERPRINTS)
        kind = ("text", "url", "set")[number % 3]
        prints += [{**blank, "id": one, kind: key}, {**blank, "id": two, kind: key}]
        if number % 2:
            other = f"{number + 1000:032x}"
            prints += [{**blank, "id": three, "set": other}, {**blank, "id": two, "set": f"{number + 2000:032x}"}]
            left, right = sorted([other, f"{number + 2000:032x}"])
            pairs.append({**dict.fromkeys(PAIRS), "left": left, "right": right, "jaccard": 0.9})
        else:
            dropped = f"d{number:031x}"
            gone += [{**dict.fromkeys(DUPLICATES), "dropped_id": dropped, "kept_id": two, "cluster": three}]
    return {
        "fingerprints": pl.DataFrame(prints, FINGERPRINTS, orient="row"),
        "pairs": pl.DataFrame(pairs, PAIRS, orient="row"),
        "duplicates": pl.DataFrame(gone, DUPLICATES, orient="row"),
    }


def make_run(path: Path, frames: dict[str, pl.DataFrame], **finish: list[str]) -> Path:
    """A finished run of these tables, with the settings that a run has by default."""
    with Run.create(path, "curate.run", f"{path.name}\n", root=path.parent / "workspace") as run:
        for name, frame in frames.items():
            with tables.ShardWriter(run.path / name, frame.to_arrow().schema, min_rows=400) as writer:
                writer.append(frame)
        (run.path / "settings.json").write_text(load(None, {}, [], Path()).settings.model_dump_json())
        run.finish(**finish)
    return path


@pytest.fixture(scope="session")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's directory; tests only read it."""
    documents = rows()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "GROUP_ROWS", 150)
        frames = {"documents": documents, **related(documents["id"].to_list())}
        return make_run(tmp_path_factory.mktemp("runs") / "crawl", frames)


@pytest.fixture
def opened(crawl: Path) -> FinishedRun:
    return FinishedRun.open(str(crawl), crawl.parent)


@pytest.fixture(scope="session")
def data_of() -> Callable[[Path], dict[str, str]]:
    """Hash by file of what an export hands on."""

    def data(run: Path) -> dict[str, str]:
        return {name: digest for name, digest in outputs(run).items() if name != "recipe.yaml"}

    return data
