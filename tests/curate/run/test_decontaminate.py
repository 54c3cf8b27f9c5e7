"""`curate decontaminate` as a user meets it: the report, removal of documents and of spans, the gate, bad input."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from whole_run import curate, outputs, table

WORDS = 30


@pytest.fixture(scope="module")
def planted(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two benchmarks: one whose questions stand in pages of the run, one that nobody has seen."""
    folder = tmp_path_factory.mktemp("benchmarks")
    long = table(sample_run, "documents").filter(pl.col("lang") == "en", pl.col("tokens") > 300).sort("id").head(6)
    lines = []
    for text in long["text"]:
        words = text.split(" ")
        lines.append({"question": " ".join(words[40 : 40 + WORDS]), "answer": "forty-two"})
    (folder / "inside.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    question = "Which of the seven lighthouse keepers of Ostrava painted the staircase green before the flood of 1871?"
    with gzip.open(folder / "outside.jsonl.gz", "wt") as file:
        file.write(json.dumps({"query": question, "choices": ["Anselm", "Brida"], "gold": 1}) + "\n")
    return folder


def test_report_names_items_documents_and_spans(sample_run: Path, planted: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    ended = curate("decontaminate", sample_run, "--against", planted, "--out", out, "--limit", "0.5")
    assert ended.code == 1, ended.stderr
    suites = {suite["suite"]: suite for suite in ended.data["suites"]}
    assert (suites["inside"]["contaminated"], suites["outside"]["contaminated"]) == (6, 0)
    assert "inside" in ended.envelope["errors"][0]["message"]
    hits = table(out, "contamination").filter(pl.col("part") == "question")
    texts = dict(table(sample_run, "documents").select("id", "text").iter_rows())
    questions = [json.loads(line)["question"] for line in (planted / "inside.jsonl").read_text().splitlines()]
    verbatim = set()
    for row in hits.iter_rows(named=True):
        stands = texts[row["id"]][row["start"] : row["end"]]
        if stands == questions[row["item"]][row["item_start"] : row["item_end"]]:
            verbatim.add(row["item"])
    assert verbatim == set(range(6))
    items = table(out, "items").filter(pl.col("suite") == "inside")
    assert items["best_score"].to_list() == [1.0] * 6
    assert set(items["best_document"]) <= set(hits["id"])
    assert curate("decontaminate", sample_run, "--against", planted, "--out", out).data["was_done"]


def test_documents_are_removed_with_the_rule_and_the_score(sample_run: Path, planted: Path, tmp_path: Path) -> None:
    out = tmp_path / "without"
    ended = curate("decontaminate", sample_run, "--against", planted, "--remove", "document", "--out", out, "-j", "2")
    assert ended.code == 0, ended.stderr
    before = table(sample_run, "decisions")
    gone = set(table(out, "contamination")["id"])
    decisions = table(out, "decisions")
    moved = decisions.filter(pl.col("rule") == "contamination.winnow")
    assert set(moved["id"]) == gone
    assert set(moved["state"]) == {"dropped"}
    assert moved["value"].cast(pl.Float64).min() > 0.69
    same = ~pl.col("id").is_in(list(gone))
    assert decisions.filter(same).equals(before.filter(same))
    assert gone <= set(table(out, "dropped")["id"])
    assert not gone & set(table(out, "documents")["id"])
    assert ended.data["kept"] == before.filter(pl.col("state") == "kept").height - len(gone)
    page = tmp_path / "report.html"  # of what it did itself, not of what its parent was told
    assert curate("report", out, "--to", page).code == 0
    told = page.read_text("utf-8")
    assert f"{len(gone):,} documents were dropped for it" in told and "by the rule contamination.winnow" in told
    assert "Nothing was removed for it" not in told and "2 files" not in told and "the run" in told
    again = tmp_path / "again"
    curate("decontaminate", sample_run, "--against", planted, "--remove", "document", "--out", again, "-j", "1")
    ours, theirs = outputs(out), outputs(again)
    assert {name: ours[name] for name in ours if name.endswith("parquet")} == {
        name: theirs[name] for name in theirs if name.endswith("parquet")
    }


def test_spans_are_cut_and_the_edits_say_so(sample_run: Path, planted: Path, tmp_path: Path) -> None:
    out = tmp_path / "cut"
    ended = curate("decontaminate", sample_run, "--against", planted, "--remove", "span", "--out", out)
    assert ended.code == 0, ended.stderr
    new = table(out, "edits").filter(pl.col("step") == "contamination")
    before = dict(table(sample_run, "documents").select("id", "text").iter_rows())
    after = {row["id"]: row for row in table(out, "documents").iter_rows(named=True)}
    assert set(new["kind"]) == {"contamination:inside"}
    for (key,), edits in new.partition_by("id", as_dict=True).items():
        removed = sum(map(len, edits["removed"]))
        assert len(after[key]["text"]) == len(before[key]) - removed == after[key]["chars"]
        assert all(piece in before[key] for piece in edits["removed"])
    untouched = set(before) - set(new["id"])
    assert all(after[key]["text"] == before[key] for key in untouched)
    search = curate("decontaminate", out, "--against", planted, "--out", tmp_path / "clean", "--limit", "0")
    assert search.code == 0, search.stderr


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        ('{"question": "a b c"}\n\n{"text_": "x"}\n', "no question", 3),
        ('{"question": "a b c"}\n{"question":\n', "no JSON", 2),
        ('{"question": ""}\n', "is empty", 1),
        ("", "no benchmark item", None),
    ],
)
def test_bad_benchmarks_name_the_line(
    sample_run: Path, tmp_path: Path, content: str, message: str, line: int | None
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content)
    ended = curate("decontaminate", sample_run, "--against", path, "--out", tmp_path / "out")
    error = ended.envelope["errors"][0]
    assert (ended.code, error["line"]) == (4, line)
    assert message in error["message"]
    assert not (tmp_path / "out").exists()


def test_unknown_variants_and_fields_have_hints(sample_run: Path, planted: Path) -> None:
    common = ("decontaminate", sample_run, "--against", planted / "inside.jsonl")
    error = curate(*common, "--variant", "lama3").envelope["errors"][0]
    assert "llama3" in error["hint"]
    error = curate(*common, "--answer", "solution").envelope["errors"][0]
    assert "no answer" in error["message"]
