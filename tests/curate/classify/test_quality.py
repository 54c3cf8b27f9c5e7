"""`curate quality`: runs, split by host, equal bytes, and what bad input is told."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from small_runs import document, small_run
from typer.testing import CliRunner
from whole_run import Ended, curate

from curate.classify import model, opened
from curate.classify.config import Classify
from workbench.cli import main
from workbench.files import sha256
from workbench.people import Label, People

from .conftest import rows, write


def train(folder: Path, *more: str | Path, out: str = "out") -> Ended:
    return curate("quality", "train", *more, "--root", folder / "root", "--out", folder / out)


@pytest.fixture(scope="module")
def trained(sides: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quality")
    ended = train(folder, "--positive", sides[0], "--negative", sides[1])
    assert ended.code == 0, ended.stderr
    return folder / "out"


def test_the_run_holds_model_examples_and_card(trained: Path) -> None:
    evaluation = json.loads((trained / "evaluation.json").read_text())
    assert evaluation["roc_auc"] > 0.99
    assert evaluation["brier"] < 0.05
    assert {row["host"] for row in evaluation["by_host"]}
    assert "ROC-AUC" in (trained / "card.md").read_text()
    assert (trained / "calibration.svg").read_text().startswith("<svg")
    examples = pl.read_parquet(trained / "examples" / "*.parquet")
    hosts = examples.group_by("host").agg(pl.col("held_out").n_unique())
    assert hosts["held_out"].max() == 1  # no host on both sides
    assert 0 < examples["held_out"].sum() < examples.height


@pytest.mark.parametrize("engine", ["linear", "fasttext"])
def test_repeated_trainings_give_equal_bytes(sides: tuple[Path, Path], tmp_path: Path, engine: str) -> None:
    more = ["--set", "fasttext.buckets=1000", "--set", "fasttext.dim=8", "--set", "fasttext.rate=0.5"]
    files = []
    for out in ("one", "two"):
        ended = train(tmp_path, "--positive", sides[0], "--negative", sides[1], "--engine", engine, *more, out=out)
        assert ended.code == 0, ended.stderr
        files.append({path.name: path.read_bytes() for path in sorted((tmp_path / out / "model").iterdir())})
    assert files[0] == files[1]
    assert len(files[0]) == 2


def test_a_run_and_a_list_of_hosts_are_sources(tmp_path: Path) -> None:
    texts = [(row["url"].split("/")[2], row["text"]) for good in (True, False) for row in rows(good)]
    small_run(tmp_path / "crawl", [document(f"d{at}", text, host=host) for at, (host, text) in enumerate(texts)])
    (tmp_path / "listed.txt").write_text("".join(f"good{at}.example\n" for at in range(6)))
    recipe = tmp_path / "quality.yaml"
    recipe.write_text("positive: [{run: crawl, urls: listed.txt}]\nnegative: [{run: crawl}]\n")
    ended = train(tmp_path, recipe)
    assert ended.code == 0, ended.stderr
    assert "60 documents are named as positive and as negative" in ended.envelope["warnings"][0]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [parent["id"] for parent in manifest["parents"]] == ["crawl"]
    assert manifest["inputs"][0]["path"] == "listed.txt"


def test_labels_of_people_are_sources(tmp_path: Path) -> None:
    """Good ones and bad ones, kept or dropped; what is split or gone is counted, and more labels make another run."""
    texts = [
        document(f"{good}{at}", row["text"], host=f"h{at}") for good in (0, 1) for at, row in enumerate(rows(good > 0))
    ]
    run = small_run(tmp_path / "crawl", texts[:80], [(row, "rule") for row in texts[80:]])
    with People(tmp_path / "root") as people:
        for place, row in enumerate(texts):
            for rater in ("ann", "bob", "cid"):
                says = "good" if (place >= 60) == (rater != "cid") else "bad"  # cid errs each time
                people.label(Label("crawl", row["id"], "quality", rater, says))
        people.label(Label("crawl", texts[0]["id"], "quality", "cid", ""))
        people.label(Label("crawl", texts[0]["id"], "quality", "bob", "good"))  # 1 : 1
        people.label(Label("crawl", "gone", "quality", "ann", "bad"))
        people.label(Label("crawl", texts[1]["id"], "other", "ann", "good"))
    ended = train(tmp_path, "--labels", f"{run}:quality")
    assert ended.code == 0, ended.stderr
    used = {(row["label"], row["source"]): 0 for row in ended.data["evaluation"]["used"]}
    assert used == {(side, f"{run}: quality {given}"): 0 for side, given in (("positive", "good"), ("negative", "bad"))}
    examples = pl.read_parquet(tmp_path / "out" / "examples" / "*.parquet")
    assert dict(examples.group_by("label").len().iter_rows()) == {"positive": 60, "negative": 59}
    assert ended.envelope["warnings"][:2] == [
        "raters are split about 1 documents of 'crawl', which are left out",
        f"1 documents that people labelled are not in {run}, or without their text",
    ]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [parent["id"] for parent in manifest["parents"]] == ["crawl"]
    written = tmp_path / "labels.jsonl"
    shown = CliRunner().invoke(
        main, ["labels", str(run), "--about", "quality", "--to", str(written), "--root", str(tmp_path / "root")]
    )
    assert shown.exit_code == 0, shown.stderr
    assert manifest["inputs"] == [
        {"path": "labels of crawl about quality", "bytes": written.stat().st_size, "digest": sha256(written)}
    ]
    with People(tmp_path / "root") as people:
        people.label(Label("crawl", texts[2]["id"], "quality", "dan", "bad"))
    assert train(tmp_path, "--labels", f"{run}:quality").code == 2


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ("crawl", 2, "not of the form RUN:ABOUT"),
        ("crawl:quality", 4, "nobody labelled documents of 'crawl' about 'quality'"),
        ("crawl:other", 2, "the class 'negative' has no example"),
    ],
)
def test_labels_that_are_not_there(tmp_path: Path, given: str, code: int, message: str) -> None:
    run = small_run(tmp_path / "crawl", [document("a", "words of a text")])
    with People(tmp_path / "root") as people:
        people.label(Label("crawl", document("a", "")["id"], "other", "ann", "good"))
    ended = train(tmp_path, "--labels", f"{run.parent}/{given}")
    assert ended.code == code and message in ended.stderr


def test_eval_scores_other_examples(trained: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", rows(True, seed=5))
    ended = curate("quality", "eval", trained, "--on", other, "--root", tmp_path)
    assert ended.code == 0, ended.stderr
    evaluation = ended.data["evaluation"]
    assert evaluation["by_source"][0]["mean"] > 0.8
    assert "roc_auc" not in evaluation


def test_measures_of_a_batch(trained: Path) -> None:
    found_models = opened.find(Classify(quality={"mine": str(trained)}), trained.parent)
    classifier, runs = found_models.classifier, found_models.runs
    assert [measure.name for measure in classifier.declared] == ["quality.mine"]
    texts = [rows(True, seed=9)[0]["text"], "", "...", rows(False, seed=9)[0]["text"]]
    found = classifier.measures(model.batch_of(texts))["quality.mine"]
    assert found[0] > 0.9
    assert found[3] < 0.1
    assert found[1] == found[2] == 0.0
    assert runs[0].path == trained


def test_scores_do_not_depend_on_the_batch(trained: Path) -> None:
    one = model.open_model(trained / "model")
    texts = [row["text"] for row in rows(True, seed=3)[:20]]
    together = one.score_texts(texts)
    alone = [one.score_texts([text])[0].tolist() for text in texts]
    assert together.tolist() == alone


BAD_INPUT = [
    ([{"text": "word"}, {"text": "?! ..."}], "bad.jsonl:2: the text has no word"),
    ([{"text": "word"}, {"txt": "word"}], "bad.jsonl:2: no field 'text'"),
    ([{"text": 3}], "bad.jsonl:1: 'text' is int, no text"),
    ([], "no example in"),
]


@pytest.mark.parametrize(("values", "told"), BAD_INPUT)
def test_bad_rows_are_named(
    sides: tuple[Path, Path], tmp_path: Path, values: list[dict[str, object]], told: str
) -> None:
    ended = train(tmp_path, "--positive", sides[0], "--negative", write(tmp_path / "bad.jsonl", values))
    assert ended.code != 0
    assert told in ended.stderr, ended.stderr
    assert "hint:" in ended.stderr


def test_an_empty_class_and_one_label_are_errors(sides: tuple[Path, Path], tmp_path: Path) -> None:
    ended = train(tmp_path, "--positive", sides[0])
    assert "the class 'negative' has no example" in ended.stderr
    ended = train(tmp_path, "--labelled", f"{sides[0]}:label", "--set", "positive_label=good")
    assert "all 60 examples are 'good'" in ended.stderr
    ended = train(tmp_path, "--labelled", f"{sides[0]}:genre")
    assert "good.jsonl:1: no field 'genre'" in ended.stderr
    ended = train(tmp_path, "--labelled", str(sides[0].with_name("none.jsonl")))
    assert "not of the form FILE:FIELD" in ended.stderr
