"""The generator of large workspaces, on a small one: runs that the product itself takes for its own."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import polars as pl
import pytest
from whole_run import curate

from curate.pipeline.schemas import DECISIONS, DOCUMENTS
from dashboard.demo import unpack
from evalkit.run.rows import items_schema, read_summary, scores_schema
from workbench import manifest, registry
from workbench.people import People
from workbench.tables import read_tables

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
SIZES = {"documents": 600, "items": 240, "steps": 400, "pairs": 30}


def _curate(*arguments: str) -> None:
    ended = curate(*arguments)
    assert ended.code == 0, ended.stderr


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("generated") / "workspace"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(BENCHMARKS)])
        script = importlib.import_module("dashboard_data")
        patch.setattr(script, "_curate", _curate)  # in this process, which has loaded what it needs
        script.write(out, **SIZES)
    return out


def test_runs_are_whole(root: Path) -> None:
    runs = {run.id: run for run in registry.list_runs(root)}
    assert set(runs) == {"crawl", "mild", "eval-a", "eval-b", "long", "arena"}
    for run in runs.values():
        found = manifest.read(run.path)
        assert found is not None and not manifest.verify(run.path, found), run.id
    assert runs["mild"].parents == ("crawl",)
    assert runs["crawl"].counts["records"] == SIZES["documents"]
    assert (root / "crawl.search.sqlite").is_file()


def test_tables_are_those_of_the_product(root: Path, tmp_path: Path) -> None:
    demo = unpack(tmp_path)
    for table in ("decisions", "documents", "dropped", "measures", "edits", "duplicates", "contamination", "rollups"):
        ours, real = read_tables(root / "crawl" / table), read_tables(demo / "crawl" / table)
        assert ours.collect_schema() == real.collect_schema(), table
    assert list(DECISIONS) == read_tables(root / "mild" / "decisions").collect_schema().names()
    assert list(DOCUMENTS) == read_tables(root / "mild" / "documents").collect_schema().names()
    for table, schema in (("items", items_schema()), ("scores", scores_schema())):
        assert read_tables(root / "eval-a" / table).collect_schema().names() == schema.names, table


def test_decisions_differ_between_thresholds_and_texts_are_there(root: Path) -> None:
    states = [read_tables(root / run / "decisions").select("id", "state").collect() for run in ("crawl", "mild")]
    moved = states[0].join(states[1], on="id").filter(pl.col("state") != pl.col("state_right"))
    assert 0 < moved.height < SIZES["documents"] / 4
    kept = read_tables(root / "crawl" / "documents").collect()
    assert (kept["text"].str.len_chars() == kept["chars"]).all()
    assert kept["id"].n_unique() == kept.height == int((states[0]["state"] == "kept").sum())


def test_evaluations_pair_item_by_item(root: Path) -> None:
    a, b = (read_tables(root / name / "items").collect() for name in ("eval-a", "eval-b"))
    assert a.height == SIZES["items"] and a.select("task", "item", "gold").equals(b.select("task", "item", "gold"))
    assert not a["logprobs"].equals(b["logprobs"])
    summary = read_summary(root / "eval-a")
    real = json.loads((unpack(root.parent) / "small-chat" / "summary.json").read_text("utf-8"))
    assert summary.keys() == real.keys() and summary["tasks"][0].keys() == real["tasks"][0].keys()


def test_the_training_and_the_arena_are_as_long_as_asked(root: Path) -> None:
    metrics = read_tables(root / "long" / "metrics").collect()
    assert metrics.filter(kind="train")["step"].to_list() == list(range(1, SIZES["steps"] + 1))
    assert read_tables(root / "arena" / "pairs").collect().height == SIZES["pairs"]
    with People(root) as people:
        assert len(people.votes("arena")) == SIZES["pairs"]
