"""What a run says of the duplicates it removed."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from whole_run import command, curate, table

from workbench.render import width


@pytest.fixture(scope="module")
def removed(sample_run: Path) -> pl.DataFrame:
    """The run's removals, each with its decision."""
    decisions = table(sample_run, "decisions").filter(pl.col("step") == "duplicates")
    found = table(sample_run, "duplicates").join(decisions, left_on="dropped_id", right_on="id", how="left")
    assert found.height == decisions.height > 10
    return found.sort("jaccard", "dropped_id")


@pytest.fixture(scope="module")
def near(removed: pl.DataFrame) -> dict[str, Any]:
    """The near duplicate that is least like the page kept for it."""
    return removed.filter(pl.col("method") == "near").row(0, named=True)


def test_totals_and_clusters(sample_run: Path, removed: pl.DataFrame) -> None:
    answer = curate("duplicates", sample_run, "--largest", "3").data
    assert answer["passed"] == table(sample_run, "documents").height + removed.height
    assert sum(found["documents"] for found in answer["removed"].values()) == removed.height
    assert sum(found["tokens"] for found in answer["removed"].values()) == removed["tokens"].sum()
    assert answer["clusters"] == removed["cluster"].n_unique()
    assert len(answer["largest"]) == 3
    sizes = [cluster["documents"] for cluster in answer["largest"]]
    assert sizes == sorted(sizes, reverse=True)
    cluster = answer["largest"][0]
    rows = removed.filter(pl.col("cluster") == cluster["cluster"])
    assert cluster["documents"] == rows.height + rows["kept_id"].n_unique()
    assert (cluster["removed"], cluster["tokens_removed"]) == (rows.height, rows["tokens"].sum())
    assert (cluster["jaccard_lowest"], cluster["jaccard_median"]) == (rows["jaccard"].min(), rows["jaccard"].median())
    assert sum(cluster["methods"].values()) == rows.height
    kept = table(sample_run, "decisions").filter(
        pl.col("id").is_in(rows["kept_id"].implode()), pl.col("state") == "kept"
    )
    assert cluster["hosts"] == pl.concat([rows["host"], kept["host"]]).drop_nulls().n_unique()
    cut = table(sample_run, "edits").filter(pl.col("kind").str.ends_with(":repeated"))
    assert answer["cut"].keys() == set(cut["kind"])
    assert sum(counts["stretches"] for counts in answer["cut"].values()) == cut.height
    best = table(sample_run, "documents").filter(pl.col("id") == cluster["cluster"])
    assert cluster["url"] == best["url"].item()
    assert answer["guards"] == {"exportable": True, "tripped": [], "sentences": []}


def test_filters(sample_run: Path, removed: pl.DataFrame) -> None:
    answer = curate("duplicates", sample_run, "--method", "text").data
    assert list(answer["removed"]) == ["duplicates.text"]
    assert {cluster["methods"]["near"] for cluster in answer["largest"]} == {0}
    host = removed["host"].mode().sort()[0]
    answer = curate("duplicates", sample_run, "--host", host).data
    found = sum(found["documents"] for found in answer["removed"].values())
    assert found == removed.filter(pl.col("host") == host).height <= answer["passed"]
    above = host.partition(".")[2]
    below = removed.filter(pl.col("host").str.ends_with(f".{above}") | (pl.col("host") == above))
    answer = curate("duplicates", sample_run, "--host", above.upper()).data
    assert sum(each["documents"] for each in answer["removed"].values()) == below.height >= found
    ended = curate("duplicates", sample_run, "--host", "nowhere.example")
    assert ended.code == 4
    assert "has the host 'nowhere.example'" in ended.envelope["errors"][0]["message"]


@pytest.mark.parametrize("columns", [60, 80])
def test_ids_are_whole_on_a_narrow_terminal(sample_run: Path, columns: int) -> None:
    shown = {line.strip() for line in _on_terminal(command("duplicates", sample_run), columns).splitlines()}
    best = table(sample_run, "duplicates")["cluster"].value_counts(sort=True)["cluster"][0]
    assert best in shown
    assert table(sample_run, "documents").filter(id=best)["url"].item() in shown


def test_no_cluster_is_asked_for(sample_run: Path) -> None:
    arguments = command("duplicates", sample_run, "--largest", "0")
    shown = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    assert "No clusters" not in shown
    assert re.search(r"^\d+ clusters; --largest N", shown, re.MULTILINE)


def test_a_method_that_does_not_exist(sample_run: Path) -> None:
    ended = curate("duplicates", sample_run, "--method", "nea")
    assert ended.code == 2
    assert "near" in ended.envelope["errors"][0]["hint"]


def test_guards(tmp_path: Path) -> None:
    limits = ["--set", "duplicates.guards.max_source_share=0.1", "--set", "duplicates.guards.min_documents=50"]
    made = curate("run", "--input", "sample", *limits, "--out", tmp_path / "run", "--root", tmp_path / "root")
    assert made.code == 1
    guards = curate("duplicates", tmp_path / "run").data["guards"]
    assert guards["exportable"] is False
    assert [trip["kind"] for trip in guards["tripped"]] == ["source"]
    assert guards["tripped"][0]["share"] > 0.1
    assert made.envelope["errors"][0]["message"] == guards["sentences"][0]


def test_a_run_that_compared_nothing(tmp_path: Path) -> None:
    off = [f"duplicates.{name}=false" for name in ("text", "url", "near.enabled")]
    sets = [part for setting in off for part in ("--set", setting)]
    run = tmp_path / "run"
    made = curate("run", "--input", "sample", *sets, "--limit", "20", "--out", run, "--root", tmp_path / "root")
    assert made.code == 0, made.stderr
    ended = curate("duplicates", run)
    assert ended.code == 4
    assert "duplicates.near.enabled" in ended.envelope["errors"][0]["hint"]
    assert curate("explain", run, table(run, "documents")["id"][0]).data["duplicate"] is None
    assert curate("report", run, "--to", tmp_path / "report.html").code == 0
    assert "<h2>Duplicates</h2>" not in (tmp_path / "report.html").read_text("utf-8")


def test_a_run_that_found_none(tmp_path: Path) -> None:
    run = tmp_path / "run"
    curate("run", "--input", "sample", "--limit", "3", "--out", run, "--root", tmp_path / "root")
    answer = curate("duplicates", run).data
    assert (answer["removed"], answer["clusters"], answer["largest"]) == ({}, 0, [])
    assert curate("report", run, "--to", tmp_path / "report.html").code == 0


def test_explain_a_removed_page(sample_run: Path, near: dict[str, Any]) -> None:
    answer = curate("explain", sample_run, near["dropped_id"]).data
    found = answer["duplicate"]
    assert (found["role"], found["kept_id"], found["method"]) == ("removed", near["kept_id"], "near")
    assert (found["jaccard"], found["containment"]) == (near["jaccard"], near["containment"])
    assert found["kept_text"] == table(sample_run, "documents").filter(id=near["kept_id"])["text"].item()
    both = found["side_by_side"]
    # The shingles shown are those of the search: they give the very similarity by which the page was removed.
    assert both["shared"] / (both["kept_size"] + both["dropped_size"] - both["shared"]) == near["jaccard"]
    assert both["shared"] / min(both["kept_size"], both["dropped_size"]) == near["containment"]
    for stretch in both["stretches"]:
        kept, dropped = found["kept_text"][slice(*stretch["kept"])], answer["text"][slice(*stretch["dropped"])]
        assert (kept.lower().split() == dropped.lower().split()) == stretch["same"]
    assert "duplicates.survivor" in answer["rescue"][0]


def test_explain_a_kept_page(sample_run: Path, removed: pl.DataFrame, near: dict[str, Any]) -> None:
    found = curate("explain", sample_run, near["kept_id"]).data["duplicate"]
    rows = removed.filter(pl.col("kept_id") == near["kept_id"]).sort("dropped_id")
    assert (found["role"], found["stands_for"], found["cluster"]) == ("kept", rows.height, near["cluster"])
    columns = ["dropped_id", "url", "method", "jaccard", "containment"]
    assert found["removed"] == rows.select(columns).to_dicts()
    alone = table(sample_run, "documents").filter(~pl.col("id").is_in(removed["kept_id"].implode()))["id"][0]
    found = curate("explain", sample_run, alone).data["duplicate"]
    assert (found["role"], found["stands_for"], found["removed"]) == ("kept", 0, [])


def test_explain_a_page_that_a_rule_dropped(sample_run: Path) -> None:
    page = table(sample_run, "decisions").filter(pl.col("step") == "gopher")["id"][0]
    assert curate("explain", sample_run, page).data["duplicate"] is None


def test_explain_asks_the_index(tmp_path: Path) -> None:
    text = " ".join(f"harbour{n} lights" for n in range(60))
    pages, later, index = tmp_path / "pages.jsonl", tmp_path / "later.jsonl", tmp_path / "index"
    pages.write_text(json.dumps({"url": "https://a.org/first", "text": text}))
    rows = [{"url": "https://b.org/again", "text": text}, {"url": "https://c.org/gone", "text": text[::-1]}]
    later.write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "rules.yaml").write_text("source: test\nduplicates: {text: true}\nrules: {}\n")

    def run(file: Path, name: str, *more: str) -> Path:
        options = ["--profile", tmp_path / "rules.yaml", "--out", tmp_path / name, "--root", tmp_path / "root", *more]
        made = curate("run", "--input", file, *options)
        assert made.code == 0, made.stderr
        return tmp_path / name

    assert curate("index", "add", index, run(pages, "first")).code == 0
    assert curate("index", "delete", index, "--host", "c.org", "--reason", "asked").code == 0
    second = run(later, "second", "--set", f"duplicates.index={index}")
    found = curate("explain", second, "https://b.org/again").data["duplicate"]
    assert (found["kept_url"], found["kept_text"]) == ("https://a.org/first", None)
    shown = subprocess.run(
        command("explain", second, "https://b.org/again"), capture_output=True, text=True, check=True
    ).stdout
    assert "https://a.org/first" in shown
    assert f"curate index trace {index} {found['kept_id']}" in shown
    gone = curate("explain", second, "https://c.org/gone").data
    assert (gone["duplicate"]["role"], gone["duplicate"]["index"]["reason"]) == ("deleted", "asked")
    assert f"{index} on {gone['duplicate']['index']['time'][:10]} (asked)" in gone["rescue"][0]
    index.rename(tmp_path / "elsewhere")
    found = curate("explain", second, "https://b.org/again").data["duplicate"]
    assert (found["kept_url"], "holds no index" in found["index"]["problem"]) == (None, True)
    gone = curate("explain", second, "https://c.org/gone").data
    assert "stays away" in gone["rescue"][0]


def test_texts_are_plain_off_a_terminal(sample_run: Path, near: dict[str, Any]) -> None:
    arguments = command("explain", sample_run, near["dropped_id"])
    shown = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    assert "\x1b" not in shown
    assert "\n= " in shown
    assert "\n> " in shown


@pytest.mark.parametrize("columns", [24, 60, 200])
def test_texts_fit_the_terminal(sample_run: Path, near: dict[str, Any], columns: int) -> None:
    shown = _on_terminal(command("explain", sample_run, near["dropped_id"]), columns)
    assert "\x1b" not in shown
    rows = shown[shown.index("shared shingles") : shown.index("Profile ")].splitlines()
    assert any(row.startswith("= ") for row in rows) == (columns < 60)
    if columns >= 60:
        assert all(width(row) <= columns for row in rows)


def _on_terminal(arguments: list[str], columns: int) -> str:
    """What a command writes to a terminal of so many columns, without what makes letters bold."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "xterm"}
    with subprocess.Popen(arguments, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(theirs)
        parts = []
        while part := _read(ours):
            parts.append(part)
        os.close(ours)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", b"".join(parts).decode()).replace("\r\n", "\n")


def _read(file: int) -> bytes:
    try:
        return os.read(file, 65536)
    except OSError:  # how Linux tells the end of a terminal
        return b""


def test_a_report_is_no_directory(sample_run: Path, tmp_path: Path) -> None:
    ended = curate("report", sample_run, "--to", tmp_path)
    assert ended.code == 2
    assert "is a directory" in ended.envelope["errors"][0]["message"]
    assert "Traceback" not in ended.stderr


def test_the_report_shows_clusters(sample_run: Path, tmp_path: Path) -> None:
    ended = curate("report", sample_run, "--to", tmp_path / "report.html")
    assert ended.code == 0, ended.stderr
    page = (tmp_path / "report.html").read_text("utf-8")
    section = page[page.index("<h2>Duplicates</h2>") : page.index("<h2>Languages</h2>")]
    assert "lowest similarity" in section
    assert "<mark" in section
    assert "<svg" in section
    assert not re.search(r"<mark[^>]*> … ", section)
    assert ">drops from " in section
