"""`curate mix`: the child run and the envelope."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from whole_run import Ended, curate, outputs, table

from .conftest import frame

ROWS = frame()
TRIALS = """
by: [lang]
method: regression
tokens: 100000
regression: {trials: trials.csv, metric: [loss, other], bootstraps: 4, maximum: {en: 0.45}}
"""
PHASES = """
by: [lang, {measure: quality.edu, buckets: 2}]
phases:
  main: {method: temperature, temperature: 0.5, tokens: 90000}
  anneal: {tokens: 10000, filters: [{measure: quality.edu, keep_if: ">", value: 0.8}]}
"""


def mix(crawl: Path, folder: Path, text: str, *more: str | Path) -> Ended:
    (folder / "mix.yaml").write_text(text)
    return curate("mix", crawl, folder / "mix.yaml", "--root", folder / "root", *more)


@pytest.fixture(scope="module")
def mixed(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    folder = tmp_path_factory.mktemp("mixed")
    ended = mix(crawl, folder, PHASES, "--out", folder / "out")
    assert ended.code == 0, ended.stderr
    return folder / "out", ended


def test_the_tables_agree_to_the_document(mixed: tuple[Path, Ended]) -> None:
    out, ended = mixed
    mixture, groups = table(out, "mixture"), table(out, "groups")
    joined = mixture.join(ROWS.select("id", "tokens"), on="id", suffix="_parent")
    assert joined.height == mixture.height
    assert (joined["tokens"] == joined["tokens_parent"]).all()
    counted = (
        mixture.group_by("phase", "group")
        .agg(
            documents_taken=pl.len().cast(pl.Int64),
            copies=pl.col("copies").sum(),
            tokens_taken=(pl.col("tokens") * pl.col("copies")).sum(),
        )
        .sort("phase", "group")
    )
    stated = groups.filter(pl.col("copies") > 0).sort("phase", "group").select(counted.columns)
    assert stated.equals(counted)
    counts = json.loads((out / "manifest.json").read_text())["counts"]
    assert counts == ended.data["counts"]
    assert counts["tokens_taken"] == groups["tokens_taken"].sum() == counts["tokens_main"] + counts["tokens_anneal"]
    assert counts["documents"] == mixture["id"].n_unique()


def test_the_sample_is_the_mixture_in_another_order(mixed: tuple[Path, Ended]) -> None:
    sample, mixture = table(mixed[0], "sample"), table(mixed[0], "mixture")
    assert sample.columns == ["id", "copies", "phase", "tokens"]
    keys = ["phase", "id"]
    assert sample.sort(keys).equals(mixture.select(sample.columns).sort(keys))
    assert sample["phase"].is_first_distinct().sum() == 2
    assert sample["phase"].rle().len() == 2, "phase after phase"
    assert sample["id"].to_list() != mixture["id"].to_list()


def test_the_parent_is_named_and_the_picture_shows_its_groups(mixed: tuple[Path, Ended], crawl: Path) -> None:
    manifest = json.loads((mixed[0] / "manifest.json").read_text())
    assert manifest["kind"] == "curate.mix"
    assert [parent["id"] for parent in manifest["parents"]] == [crawl.name]
    picture = (mixed[0] / "mix.svg").read_text()
    assert picture.startswith("<svg")
    assert "main: en|2/2" in picture


def test_the_same_mix_is_the_same_bytes(mixed: tuple[Path, Ended], crawl: Path, tmp_path: Path) -> None:
    assert mix(crawl, tmp_path, PHASES, "--out", tmp_path / "again").code == 0
    again, first = outputs(tmp_path / "again"), outputs(mixed[0])
    assert {name for name in again if again[name] != first[name]} <= {"recipe.yaml"}
    done = mix(crawl, tmp_path, PHASES, "--out", tmp_path / "again")
    assert (done.code, done.data["was_done"]) == (0, True)
    other = mix(crawl, tmp_path, PHASES, "--out", tmp_path / "again", "--seed", "1")
    assert other.code == 2


def test_a_dry_run_says_the_same_and_writes_nothing(mixed: tuple[Path, Ended], crawl: Path, tmp_path: Path) -> None:
    ended = mix(crawl, tmp_path, PHASES, "--dry-run", "--out", tmp_path / "out")
    assert ended.data["phases"] == mixed[1].data["phases"]
    assert ended.data["counts"] == mixed[1].data["counts"]
    assert not (tmp_path / "out").exists()


def test_a_regression_on_trials(crawl: Path, tmp_path: Path) -> None:
    weights = np.random.default_rng(1).dirichlet(np.ones(3) * 2, 24).round(4)
    loss = 2 + ((weights - [0.5, 0.3, 0.2]) ** 2).sum(axis=1)
    table_ = pl.DataFrame({"de": weights[:, 1], "en": weights[:, 0], "fr": weights[:, 2], "loss": loss, "other": loss})
    table_.write_csv(tmp_path / "trials.csv")
    ended = mix(crawl, tmp_path, TRIALS, "--out", tmp_path / "out")
    assert ended.code == 0, ended.stderr
    (phase,) = ended.data["phases"]
    found = {row["group"]: row["weight"] for row in phase["groups"]}
    assert found["en"] == pytest.approx(0.45, abs=1e-6)
    assert found["de"] + found["fr"] == pytest.approx(0.55)
    assert phase["regression"]["models"][0]["r2"] > 0.9
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [one["path"] for one in manifest["inputs"]] == ["trials.csv"]


def test_an_unknown_group_is_named_with_its_line(crawl: Path, tmp_path: Path) -> None:
    ended = mix(crawl, tmp_path, "method: weights\nweights:\n  en: 1\n  nl: 1\n", "--dry-run")
    (error,) = ended.envelope["errors"]
    assert (ended.code, error["line"], error["column"]) == (2, 4, 3)
    assert "no group 'nl'" in error["message"]


def test_a_mix_of_a_mix_is_refused(mixed: tuple[Path, Ended], tmp_path: Path) -> None:
    ended = curate("mix", mixed[0], "--root", tmp_path, "--dry-run")
    assert ended.code == 4
    assert "documents" in ended.envelope["errors"][0]["message"]
