"""Planted items: the datasets that are written, and what is read from evaluations. The whole, with models that are
trained on them, stands among the proofs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from invoke import Ended, invoke
from small_tasks import write_tasks

from evalkit.contamination import canaries
from evalkit.run.training import Training
from workbench.tables import read_tables


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tasks(tmp_path)
    monkeypatch.setenv("WORKBENCH_ROOT", str(tmp_path / "workspace"))
    monkeypatch.delenv("EVALKIT_DATA", raising=False)
    rows = [{"id": f"text{number}", "text": f"A text about thing {number}."} for number in range(20)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"id": "x", "text": ""}]))
    return tmp_path


def evaluate(folder: Path, out: str, *more: str, tasks: str = "colours.yaml,sums.yaml", model: str = "mock:0") -> Ended:
    asked = ("run", "-m", model, "-t", tasks, "--data-root", ".", "--out", out)
    return invoke("evalkit", *asked, *more, cwd=folder)


def plant(folder: Path, *more: str) -> Ended:
    asked = ("contamination", "plant", "asked", "--data", "texts.jsonl", "--items", "6", "--copies", "0,1,3")
    return invoke("evalkit", *asked, *more, cwd=folder)


def test_items_are_planted_so_often(folder: Path) -> None:
    evaluate(folder, "asked")
    ended = plant(folder, "--out", "plan")
    assert ended.code == 0, ended.stderr
    planted, control = ({one["item"] for one in ended.data[name]} for name in ("planted", "control"))
    assert len(planted) == len(control) == 6 and not planted & control
    whole = [json.loads(line) for line in (folder / "plan" / "copies-0.jsonl").open()]
    assert [row["id"] for row in whole] == [f"text{number}" for number in range(20)]
    said = Counter(one["text"] for one in ended.data["planted"])
    for text in said:
        assert "Answer: " in text or " = " in text  # right answers, without examples
        if text.startswith("Question: What colour is thing "):
            number = int(text.split("thing ")[1].split("?")[0])
            assert (
                text
                == f"Question: What colour is thing {number}?\nAnswer: "
                + (["red", "green", "deep blue", "no colour at all"][number % 4])
            )
            assert number not in (3, 5, 7)  # these could not be asked
    rows = [json.loads(line) for line in (folder / "plan" / "copies-3.jsonl").open()]
    assert Counter(row["text"] for row in rows if row["id"].startswith("canary-")) == Counter(
        {text: 3 * count for text, count in said.items()}
    )
    assert [row for row in rows if not row["id"].startswith("canary-")] == whole
    assert len({row["id"] for row in rows}) == len(rows) == 20 + 18
    before = (folder / "plan" / "copies-3.jsonl").read_bytes()
    assert plant(folder, "--out", "other").code == 0
    assert (folder / "other" / "copies-3.jsonl").read_bytes() == before


def test_every_task_has_as_many_planted_as_kept_out() -> None:
    names = [("a", f"a{number}") for number in range(20)] + [("b", f"b{number}") for number in range(5)]
    planted, control = canaries.drawn(names, 6, 0)
    assert Counter(task for task, _ in planted) == Counter(task for task, _ in control) == {"a": 4, "b": 2}
    assert len({*planted, *control}) == 12
    assert [len(each) for each in canaries.drawn(names, 13, 0)] == [12, 12]


def test_gains_are_those_of_planted_items_over_others() -> None:
    random = np.random.default_rng(0)
    rows = []
    for number in range(60):
        planted = number < 30
        ease = random.normal()
        for copies in (0, 1, 2, 4):
            drift = 0.3 * copies  # of all items: the models differ
            value = ease + drift + (0.2 * copies if planted else 0) + random.normal(0, 0.05)
            rows.append(("t", "default", "answer_bpb", f"i{number}", planted, copies, value))
    schema = ("task", "preset", "metric", "item", "planted", "copies", "value")
    frame = pl.DataFrame(rows, schema, orient="row")
    [found] = canaries.gains(frame, [1, 2, 4])
    assert found["planted"] == found["control"] == 30 and found["better"] == "lower"
    slope = found["per_copy"]
    assert slope["low"] < 0.2 < slope["high"] and slope["high"] - slope["low"] < 0.05
    for each in found["at"]:
        assert each["gain"]["value"] == pytest.approx(0.2 * each["copies"], abs=0.06)


def test_intervals_of_gains_hold() -> None:
    random = np.random.default_rng(2)
    inside = 0
    for _ in range(1000):
        found = canaries.difference(random.normal(0.5, 1, 20), random.normal(0, 3, 35))
        inside += found.low <= 0.5 <= found.high
    assert 930 <= inside <= 970
    assert canaries.difference(np.ones(3), np.ones(3)).high == 0


def test_gain_reads_evaluations(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate(folder, "asked")
    assert plant(folder, "--out", "plan").code == 0
    evaluate(folder, "other", model="mock:1")
    runs = ("--run", "0=asked", "--run", "1=asked", "--run", "3=asked", "--run", "3=other")
    ended = invoke("evalkit", "contamination", "gain", "plan", *runs, "--out", "gain", cwd=folder)
    assert ended.code == 0 and "taken on trust" in ended.stderr
    found = {(one["task"], one["metric"]): one for one in ended.data["gains"]}
    at = {each["copies"]: each["gain"]["value"] for each in found["colours", "brier"]["at"]}
    assert at[1] == 0.0 and at[3] != 0.0  # the same evaluation, and one that differs
    table = read_tables(folder / "gain" / "values").collect()
    three = table.filter(metric="acc", copies=3)["value"].to_list()
    assert set(three) <= {0.0, 0.5, 1.0} and 0.5 in three  # the mean of two models, item by item
    digests = json.loads((folder / "plan" / "summary.json").read_text())["datasets"]
    monkeypatch.setattr(Training, "of", lambda model, root: Training(None, (("copies-1.jsonl", digests["1"]),)))
    wrong = invoke("evalkit", "contamination", "gain", "plan", *runs, "--out", "wrong", cwd=folder)
    assert wrong.code == 2 and "was trained on 1 copies, not on 0" in wrong.stderr


def test_what_cannot_be_planted_or_read(folder: Path) -> None:
    evaluate(folder, "asked", "--limit", "5", tasks="sums.yaml")
    few = plant(folder)
    assert few.code == 4 and "too few to plant 6 and" in few.stderr
    no_zero = plant(folder, "--copies", "1,2")
    assert no_zero.code == 2 and "copies need 0" in no_zero.stderr
    assert "no list of numbers" in plant(folder, "--copies", "0,x").stderr
    assert plant(folder, "--items", "2", "--out", "plan").code == 0
    evaluate(folder, "pages", tasks="pages.yaml")
    for runs, said in (
        (("--run", "asked"), "is not COPIES=RUN"),
        (("--run", "1=asked"), "runs of 0 copies"),
        (("--run", "0=asked", "--run", "2=asked"), "nothing was planted 2 times"),
        (("--run", "0=asked", "--run", "1=pages"), "none of the planted items"),
        (("--run", "0=plan", "--run", "1=asked"), "is no evaluation"),
    ):
        ended = invoke("evalkit", "contamination", "gain", "plan", *runs, cwd=folder)
        assert ended.code in (2, 4) and said in ended.stderr, ended.stderr
    ended = invoke("evalkit", "contamination", "gain", "asked", "--run", "0=asked", "--run", "1=asked", cwd=folder)
    assert ended.code == 4 and "holds no planted items" in ended.stderr
