"""The embedded sample, whose truth is known: what a run makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from whole_run import TABLES, curate, outputs, table

from curate.sample import score, truth


def test_every_record_ends_in_exactly_one_state(sample_run: Path) -> None:
    decisions = table(sample_run, "decisions")
    counts = json.loads((sample_run / "manifest.json").read_text())["counts"]
    states = dict(decisions["state"].value_counts().iter_rows())
    assert counts["records"] == decisions.height == sum(states.values())
    assert set(states) == {"kept", "dropped", "failed"}
    assert table(sample_run, "documents").height == states["kept"]
    assert decisions.filter(pl.col("state") == "dropped")["rule"].null_count() == 0
    assert decisions.filter(pl.col("state") == "failed")["error"].null_count() == 0


def test_the_run_agrees_with_the_planted_truth(sample_run: Path) -> None:
    scored = score(table(sample_run, "decisions"), truth())
    assert scored.misses == []


def test_verify_finds_nothing_wrong(sample_run: Path) -> None:
    ended = curate("verify", sample_run)
    assert ended.code == 0, ended.data


def test_two_workers_write_the_same_bytes_as_one(sample_run: Path, tmp_path: Path) -> None:
    ended = curate("run", "--input", "sample", "--out", tmp_path / "two", "-j", "2")
    assert ended.code == 0, ended.stderr
    assert outputs(tmp_path / "two") == outputs(sample_run)


def test_a_finished_run_is_done(sample_run: Path) -> None:
    before = (sample_run / "manifest.json").read_bytes()
    ended = curate("run", "--input", "sample", "--out", sample_run)
    assert (ended.code, ended.data["was_done"]) == (0, True)
    assert (sample_run / "manifest.json").read_bytes() == before


def test_another_recipe_does_not_touch_a_finished_run(sample_run: Path) -> None:
    ended = curate("run", "--input", "sample", "--out", sample_run, "--set", "gopher.dup_line_frac=0.2")
    assert ended.code == 2
    assert "another recipe" in ended.envelope["errors"][0]["message"]


def test_tables_have_their_columns(sample_run: Path) -> None:
    for name in TABLES:
        assert table(sample_run, name).width > 0
    assert not (sample_run / "units").exists()


def test_no_private_value_is_stored(sample_run: Path) -> None:
    edits = table(sample_run, "edits")
    private = edits.filter(pl.col("kind").str.starts_with("pii:"))
    assert private.height > 0
    assert private["removed"].null_count() == private.height
    assert private["digest"].null_count() == 0


def test_edits_lead_from_the_extracted_text_to_the_edited_one(sample_run: Path) -> None:
    texts = pl.concat([table(sample_run, "documents"), table(sample_run, "dropped")]).select("id", "text")
    edits = table(sample_run, "edits").sort("id", "start")
    for (key,), rows in edits.group_by("id", maintain_order=True):
        text = texts.filter(pl.col("id") == key)["text"][0]
        begin = 0
        for start, end, replacement in rows.select("start", "end", "replacement").iter_rows():
            assert 0 <= start < end or start == end
            assert start >= begin, "edits overlap"
            begin = end
            assert replacement in text
