"""Questions to a finished run."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from whole_run import curate, outputs, table

from workbench.render import size


def a_page(run: Path, *filters: pl.Expr) -> dict[str, object]:
    return table(run, "decisions").filter(*filters).sort("id").row(0, named=True)


def test_explain_tells_the_rule_the_value_and_the_threshold(sample_run: Path) -> None:
    page = a_page(sample_run, pl.col("rule").str.starts_with("gopher."))
    answer = curate("explain", sample_run, page["id"]).data
    assert answer["decision"]["rule"] == page["rule"]
    failing = [rule for rule in answer["rules"] if rule["fails"]]
    assert failing[0]["rule"] == page["rule"]
    assert failing[0]["limit"] == page["threshold"]
    assert [rule["rule"] for rule in failing] == page["fails"]
    assert answer["rescue"]


def test_explain_takes_a_url_and_the_beginning_of_an_id(sample_run: Path) -> None:
    page = a_page(sample_run, pl.col("state") == "kept")
    for key in (page["url"], page["id"][:12]):
        assert curate("explain", sample_run, key).data["decision"]["id"] == page["id"]


def test_what_explain_says_would_rescue_a_page_does(sample_run: Path) -> None:
    page = a_page(sample_run, pl.col("fails").list.len() == 1, pl.col("rule").str.starts_with("gopher."))
    rescue = curate("explain", sample_run, page["id"]).data["rescue"]
    setting = rescue[0].removeprefix("--set ")
    moved = curate("whatif", sample_run, "--set", setting).data
    assert moved["kept"]["after"] > moved["kept"]["before"]


def test_a_page_that_is_not_there(sample_run: Path) -> None:
    ended = curate("explain", sample_run, "https://nowhere.example/")
    assert ended.code == 4
    assert "nowhere.example" in ended.envelope["errors"][0]["message"]


def test_whatif_and_decide_agree_and_conserve(sample_run: Path, tmp_path: Path) -> None:
    change = ["--set", "gopher.words_min=300"]
    answer = curate("whatif", sample_run, *change).data
    assert answer["kept"]["after"] < answer["kept"]["before"]
    ended = curate("decide", sample_run, *change, "--out", tmp_path / "child", "--root", tmp_path / "root")
    assert ended.code == 0, ended.stderr
    assert ended.data["kept"] == answer["kept"]["after"]
    assert curate("verify", tmp_path / "child").code == 0
    difference = curate("diff", sample_run, tmp_path / "child").data
    assert sum(row["documents"] for row in difference["moved"]) == sum(row["documents"] for row in answer["moved"])
    assert difference["only_before"] == difference["only_after"] == 0


def test_deciding_with_the_same_thresholds_gives_the_same_tables(sample_run: Path, tmp_path: Path) -> None:
    curate("decide", sample_run, "--out", tmp_path / "child", "--root", tmp_path / "root")
    for name in ("documents", "dropped", "decisions", "measures"):
        assert table(tmp_path / "child", name).equals(table(sample_run, name))


def test_a_rule_that_is_not_there_is_named(sample_run: Path) -> None:
    ended = curate("whatif", sample_run, "--set", "gopher.dup_line_fraction=0.2")
    assert ended.code == 2
    assert "dup_line_frac" in ended.envelope["errors"][0]["hint"]


def test_the_same_seed_samples_the_same_pages(sample_run: Path) -> None:
    first, second = (curate("sample", sample_run, "--state", "dropped", "-n", "5").data["pages"] for _ in range(2))
    assert len(first) == 5
    assert first == second
    assert first != curate("sample", sample_run, "--state", "dropped", "-n", "5", "--seed", "1").data["pages"]


def test_status_of_a_finished_run(sample_run: Path) -> None:
    answer = curate("status", sample_run).data
    assert answer["state"] == "finished"
    assert {"extract", "edit", "decide", "duplicates.verify", "merge"} <= {step["step"] for step in answer["steps"]}


def test_retry_of_a_finished_run_has_nothing_to_do(sample_run: Path) -> None:
    before = outputs(sample_run)
    ended = curate("retry", sample_run)
    assert (ended.code, ended.data["was_done"]) == (0, True)
    assert outputs(sample_run) == before


@pytest.mark.parametrize("name", ["documents", "decisions"])
def test_verify_sees_a_changed_file(sample_run: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sample_run, copy)
    path = next((copy / name).glob("*.parquet"))
    frame = pl.read_parquet(path)
    frame.head(frame.height - 1).write_parquet(path)
    ended = curate("verify", copy)
    assert ended.code == 1
    failed = {check["name"] for check in ended.data["checks"] if not check["ok"]}
    assert "files are what the manifest says" in failed
    assert len(failed) > 1


def test_the_report_escapes_what_pages_say(sample_run: Path, tmp_path: Path) -> None:
    ended = curate("report", sample_run, "--to", tmp_path / "report.html")
    assert ended.code == 0, ended.stderr
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<script" not in page
    assert "<svg" in page
    heads = ("From input to dataset", "Languages", "Hosts", "Examples", "Speed")
    assert all(f"<h2>{head}</h2>" in page for head in heads)
    decisions = table(sample_run, "decisions")
    kept = decisions.filter(pl.col("state") == "kept")
    documents = table(sample_run, "documents")
    assert kept["bytes"].to_list() == documents["text"].str.len_bytes().to_list()
    assert size(int(kept["bytes"].sum())) in page
    assert size(int(decisions["bytes"].sum())) in page
    assert "Kept, and nearest to a threshold" in page
    assert "Benchmark items" not in page


def test_a_run_can_be_searched_at_once_and_says_of_how_many_texts(sample_run: Path) -> None:
    texts = table(sample_run, "documents").height + table(sample_run, "dropped").height
    found = curate("search", sample_run, "water", "--state", "kept").data
    assert found["total"] > 0
    assert (found["indexed"], found["texts"]) == (texts, texts)  # so few that the sample is all of them
    page = found["hits"][0]
    assert table(sample_run, "documents").filter(pl.col("id") == page["id"]).height == 1


def test_a_wider_index_stays_when_the_run_is_asked_for_again(sample_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(sample_run, tmp_path / "run"))
    made = curate("index-text", run, "--sample", "7").data
    again = curate("retry", run)
    assert again.data["was_done"], again.stderr
    assert curate("search", run, "").data["indexed"] == made["indexed"] == 7
    Path(made["index"]).unlink()
    assert "can be searched" in curate("retry", run).stderr
