"""Questions to a finished run that was damaged, or whose measures are not numbers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from whole_run import curate, table

from curate.ask.explain import explain
from curate.ask.finished import FinishedRun
from curate.ask.report import write_report


def remove_settings(run: Path) -> None:
    (run / "settings.json").unlink()


def spoil_settings(run: Path) -> None:
    (run / "settings.json").write_text('{"seed": "no number"')


def remove_table(run: Path) -> None:
    shutil.rmtree(run / "decisions")


def cut_a_shard(run: Path) -> None:
    path = next((run / "measures").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("damage", [remove_settings, spoil_settings, remove_table, cut_a_shard])
def test_a_damaged_run(sample_run: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    key = table(sample_run, "documents")["id"][0]
    copy = tmp_path / "copy [1]"
    shutil.copytree(sample_run, copy)
    assert curate("verify", copy).code == 0
    damage(copy)
    checked = curate("verify", copy)
    assert checked.code == 1
    failed = {check["name"] for check in checked.data["checks"] if not check["ok"]}
    assert failed == {"files are what the manifest says", "tables can be read"}
    asked = curate("explain", copy, key)
    assert asked.code == 4
    assert "curate verify" in asked.envelope["errors"][0]["hint"]


@pytest.mark.parametrize("unknown", [float("nan"), None])
def test_an_unknown_measure(sample_run: Path, tmp_path: Path, unknown: float | None) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sample_run, copy)
    run = FinishedRun.open(str(copy), tmp_path)
    page = table(copy, "decisions").filter(pl.col("rule").str.starts_with("gopher.")).row(0, named=True)
    rule = next(rule for rule in run.profile.rules if rule.id == page["rule"])
    column = run.profile.column(rule)
    shard = next((copy / "measures").glob("*.parquet"))
    value = pl.when(pl.col("id") != page["id"]).then(pl.col(column).cast(pl.Float64)).otherwise(pl.lit(unknown))
    pl.read_parquet(shard).with_columns(value.alias(column)).write_parquet(shard)
    assert explain(run, page["id"])["rescue"] == [f"its measure {column} is unknown: nothing passes unchecked"]
    write_report(run, tmp_path / "report.html")


def test_the_report_of_a_run_of_an_earlier_version(sample_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sample_run, copy)
    for shard in (copy / "decisions").glob("*.parquet"):
        pl.read_parquet(shard).drop("bytes").write_parquet(shard)
    asked = curate("report", copy, "--to", tmp_path / "report.html")
    assert asked.code == 4
    assert "earlier version" in asked.envelope["errors"][0]["message"]
