"""Exporting a mix: copies of the documents of the run that it mixes."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from whole_run import Ended, curate

from workbench.files import remove

from .conftest import make_run, rows

MIX = """
by: [lang]
phases:
  main: {tokens: 16000}
  anneal: {tokens: 40000}
"""


@pytest.fixture(scope="module")
def mixed(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "mix.yaml").write_text(MIX)
    assert curate("mix", crawl, folder / "mix.yaml", "--root", folder, "--out", folder / "mix").code == 0
    options = ["--root", folder, "--splits", "train=0.9,test=0.1", "--shard-chars", "30000"]
    ended = curate("export", folder / "mix", "--to", folder / "out", *options)
    assert ended.code == 0, ended.stderr
    return folder, ended


def read(folder: Path, phase: str, split: str) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(path) for path in sorted((folder / "out/data" / phase).glob(f"{split}-*")))


def test_the_first_split_holds_every_copy(mixed: tuple[Path, Ended]) -> None:
    folder, ended = mixed
    assert ended.envelope["warnings"] == []
    sample = pl.read_parquet(sorted((folder / "mix/sample").glob("*")))
    held_out = set(read(folder, "main", "test")["id"]) | set(read(folder, "anneal", "test")["id"])
    for phase in ("main", "anneal"):
        train = read(folder, phase, "train")
        assert (train["phase"] == phase).all()
        counted = train.group_by("id").agg(copies=pl.len().cast(pl.Int64)).sort("id")
        wanted = sample.filter(pl.col("phase") == phase, ~pl.col("id").is_in(list(held_out))).sort("id")
        assert counted.equals(wanted.select("id", "copies"))
        assert train.join(rows(), on=["id", "text"], how="semi").height == train.height
    anneal = read(folder, "anneal", "train")
    assert anneal["copy"].max() >= 1
    assert anneal["copy"].is_sorted(), "every document once, then those that are read again"


def test_other_splits_hold_a_document_once_over_all_phases(mixed: tuple[Path, Ended]) -> None:
    ids = pl.concat([read(mixed[0], phase, "test")["id"] for phase in ("main", "anneal")])
    assert ids.len() > 20
    assert ids.is_unique().all()


def test_every_row_names_the_run_that_holds_its_document(mixed: tuple[Path, Ended]) -> None:
    assert (read(mixed[0], "main", "train")["run"] == "crawl").all()


def test_a_mix_whose_parent_is_gone_is_refused(tmp_path: Path) -> None:
    parent = make_run(tmp_path / "parent", {"documents": rows()[:50]})
    assert curate("mix", parent, "--root", tmp_path, "--out", tmp_path / "mix").code == 0
    remove(parent)
    ended = curate("export", tmp_path / "mix", "--to", tmp_path / "out", "--root", tmp_path)
    assert ended.code == 4
    assert "gone or has changed" in ended.envelope["errors"][0]["message"]
