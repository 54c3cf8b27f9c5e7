"""Benchmark items looked for by a run itself: as the command finds them, removed, and asked about afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from whole_run import command, curate, outputs, table

FOUND = ("contamination", "items", "suites")


@pytest.fixture(scope="module")
def planted(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Items of which five stand in pages that the sample's run keeps, one in a page that a rule of it drops."""
    folder = tmp_path_factory.mktemp("items")
    kept = table(sample_run, "documents").filter(pl.col("lang") == "en", pl.col("tokens") > 300).sort("id").head(5)
    rules = table(sample_run, "decisions").filter(pl.col("step") == "gopher", pl.col("tokens") > 90).sort("id").head(1)
    dropped = table(sample_run, "dropped").join(rules, on="id", how="semi")
    texts = [*kept["text"], *dropped["text"]]
    assert len(texts) == 6
    lines = [{"question": " ".join(text.split()[40:70]), "answer": "forty-two"} for text in texts]
    (folder / "inside.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    question = "Which of the seven lighthouse keepers of Ostrava painted the staircase green before the flood of 1871?"
    (folder / "outside.jsonl").write_text(json.dumps({"query": question}) + "\n")
    return folder


def run(out: Path, planted: Path, *arguments: str | Path) -> Path:
    items = f"decontaminate.items=[{planted}]"
    ended = curate("run", "--input", "sample", "--no-index", "--out", out, "--set", items, *arguments)
    assert ended.code == 0, ended.stderr
    return out


def holding(run: Path) -> int:
    """How many of the documents that a run keeps hold an item."""
    return table(run, "contamination").join(table(run, "documents"), on="id", how="semi")["id"].n_unique()


@pytest.fixture(scope="module")
def reported(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("reported") / "run", planted, "-j", "1")


@pytest.fixture(scope="module")
def removed(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("removed") / "run"
    return run(out, planted, "--set", "decontaminate.remove=document", "-j", "1")


def test_a_report_is_what_the_command_finds_and_changes_nothing(
    sample_run: Path, reported: Path, planted: Path, tmp_path: Path
) -> None:
    ended = curate("decontaminate", sample_run, "--against", planted, "--out", tmp_path / "child")
    kept = table(reported, "documents").select("id")
    mine = table(reported, "contamination")
    assert mine.join(kept, on="id", how="semi", maintain_order="left").equals(
        table(tmp_path / "child", "contamination")
    )
    assert mine.height > mine.join(kept, on="id", how="semi").height  # the dropped page is known, too
    for name in ("items", "suites"):
        assert table(reported, name).equals(table(tmp_path / "child", name))
    assert ended.data["documents_contaminated"] == holding(reported) >= 5
    others = {name: one for name, one in outputs(reported).items() if name.endswith("parquet")}
    before = {name: one for name, one in outputs(sample_run).items() if name.endswith("parquet")}
    assert {name: one for name, one in others.items() if name.split("/")[0] not in FOUND} == before
    assert [path.name for path in reported.parent.iterdir()] == ["run"]  # no index, as was asked
    read = {Path(one["path"]).name for one in json.loads((reported / "manifest.json").read_text())["inputs"]}
    assert {"inside.jsonl", "outside.jsonl"} < read


def test_documents_are_dropped_by_item_score_and_threshold(reported: Path, removed: Path) -> None:
    decisions = table(removed, "decisions")
    gone = decisions.filter(pl.col("step") == "contamination")
    assert set(gone["rule"]) == {"contamination.winnow"}
    assert set(gone["state"]) == {"dropped"}
    assert {f"inside:{item}" for item in range(5)} <= set(gone["partner"])
    assert gone["value"].cast(pl.Float64).min() >= gone["threshold"].cast(pl.Float64).min()
    kept = table(reported, "documents")
    assert set(kept["id"]) - set(gone["id"]) == set(table(removed, "documents")["id"])
    assert set(gone["id"]) <= set(table(removed, "dropped")["id"])
    for name in FOUND:
        assert table(removed, name).equals(table(reported, name))
    assert curate("verify", removed).code == 0
    assert curate("report", removed, "--to", removed.parent / "report.html").code == 0
    page = (removed.parent / "report.html").read_text("utf-8")
    assert f"{gone.height} documents were dropped for it" in page
    assert any(url in page for url in gone["url"])
    told = curate("explain", removed, gone["id"][0]).data
    assert told["contamination"][0]["suite"] == "inside"
    assert "holds item" in told["rescue"][0]


def test_stored_rows_answer_for_another_removal_and_other_rules(reported: Path, removed: Path, tmp_path: Path) -> None:
    ended = curate("whatif", reported, "--set", "decontaminate.remove=document")
    assert ended.code == 0, ended.stderr
    assert {(row["after"], row["documents"]) for row in ended.data["moved"]} == {
        ("contamination.winnow", holding(reported))
    }
    curate("decide", reported, "--set", "decontaminate.remove=document", "--out", tmp_path / "child")
    child = {name: one for name, one in outputs(tmp_path / "child").items() if name.endswith("parquet")}
    assert child == {name: one for name, one in outputs(removed).items() if name.endswith("parquet")}
    # A page that comes back with other rules is known to hold an item.
    hits = table(reported, "contamination").select("id").unique()
    page = (
        table(reported, "decisions")
        .filter(pl.col("step") == "gopher")
        .join(hits, on="id", how="semi")
        .row(0, named=True)
    )
    id_, fails = page["id"], page["fails"]
    changes = curate("explain", reported, id_).data["rescue"]
    sets = [part for change in changes[: len(fails)] for part in change.split(" ", 1)]
    out = tmp_path / "mild"
    ended = curate("decide", removed, *sets, "--out", out)
    assert ended.code == 0, ended.stderr
    again = table(out, "decisions").filter(pl.col("id") == id_)
    assert again["rule"].to_list() in (["contamination.winnow"], ["duplicates.near"])
    assert curate("verify", out).code == 0
    refused = curate("whatif", reported, "--set", "decontaminate.variant=gpt3")
    assert (refused.code, "another rule" in refused.envelope["errors"][0]["message"]) == (2, True)


def test_spans_are_cut_as_by_the_command(sample_run: Path, planted: Path, tmp_path: Path) -> None:
    out = run(tmp_path / "run", planted, "--set", "decontaminate.remove=span", "-j", "1")
    ended = curate("decontaminate", sample_run, "--against", planted, "--remove", "span", "--out", tmp_path / "child")
    assert ended.code == 0, ended.stderr
    for name in ("documents", "decisions"):
        assert table(out, name).equals(table(tmp_path / "child", name))
    order = ["id", "start", "end"]
    assert table(out, "edits").sort(order).equals(table(tmp_path / "child", "edits").sort(order))
    assert curate("verify", out).code == 0
    assert curate("whatif", out, "--set", "gopher.words_min=1").code == 2


def test_an_interruption_leaves_no_trace(removed: Path, planted: Path, tmp_path: Path) -> None:
    import subprocess
    import time

    out = tmp_path / "run"
    arguments = ["--set", f"decontaminate.items=[{planted}]", "--set", "decontaminate.remove=document", "-j", "1"]
    begun = command("run", "--input", "sample", "--out", out, *arguments, "--no-progress")
    process = subprocess.Popen(begun, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scratch = out / "units" / "contamination" / "hits"
    while process.poll() is None and not scratch.exists():
        time.sleep(0.01)
    process.kill()
    process.wait()
    run(out, planted, "--set", "decontaminate.remove=document", "-j", "2")  # nor do workers from here on
    assert {n: h for n, h in outputs(out).items() if n.endswith("parquet")} == {
        n: h for n, h in outputs(removed).items() if n.endswith("parquet")
    }


def test_a_limit_is_a_gate_and_bad_items_stop_the_run_before_it_starts(
    reported: Path, planted: Path, tmp_path: Path
) -> None:
    ended = curate("decide", reported, "--set", "decontaminate.limit=0.1", "--out", tmp_path / "gated")
    assert ended.code == 1, ended.stderr
    assert " of 6 items of inside" in ended.envelope["errors"][0]["message"]
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question": "a b c"}\n{"text_": "x"}\n')
    ended = curate("run", "--input", "sample", "--out", tmp_path / "out", "--set", f"decontaminate.items=[{bad}]")
    error = ended.envelope["errors"][0]
    assert (ended.code, error["line"]) == (4, 2)
    assert not (tmp_path / "out").exists()
    both = ["--set", "decontaminate.remove=span", "--set", "duplicates.paragraphs.enabled=true"]
    both += ["--set", f"decontaminate.items=[{planted}]"]
    ended = curate("run", "--input", "sample", "--out", tmp_path / "out", *both)
    assert ended.code == 2
