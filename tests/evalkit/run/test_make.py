"""A run holds every item with what was asked and said, and is the same however often it broke off."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hashed_model import HashedModel
from killing import environment
from small_tasks import write_tasks

from evalkit.models.types import Pair
from evalkit.run.make import Evaluation, evaluate
from evalkit.run.rows import read_rows, read_summary
from evalkit.run.settings import EvalSettings
from evalkit.run.summarise import estimate_of, estimates
from workbench.errors import Exit, UserError
from workbench.events import Event
from workbench.runs import Run

RESULTS = ("items/part-00000.parquet", "scores/part-00000.parquet", "summary.json", "recipe.yaml")


def settings(folder: Path, model: HashedModel, **more: Any) -> EvalSettings:
    names = tuple(sorted(str(path) for path in folder.glob("*.yaml")))
    return EvalSettings(model=model.name, **{"tasks": names, "data_root": (str(folder),), **more})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    write_tasks(folder)
    return folder


Made = Callable[..., Run]


@pytest.fixture
def made(folder: Path, tmp_path: Path) -> Made:
    def make(model: HashedModel, out: str = "run", listener: Any = lambda event: None, **more: Any) -> Run:
        root = tmp_path / "workspace"
        options = {name: more.pop(name) for name in ("force", "shared", "resume") if name in more}
        asked = Evaluation.of(settings(folder, model, **more), model, root, folder)
        return evaluate(asked, root, out=tmp_path / out, listener=listener, **options)

    return make


def items(run: Run, task: str) -> list[dict[str, Any]]:
    return read_rows(run.path, "items").filter(pl.col("task") == task).collect().to_dicts()


def task_of(run: Run, name: str) -> dict[str, Any]:
    return next(task for task in read_summary(run.path)["tasks"] if task["task"] == name)


def digests(run: Path) -> dict[str, str]:
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in RESULTS}


def test_a_row_holds_what_was_asked_and_what_came_back(made: Made) -> None:
    model = HashedModel("a")
    run = made(model)
    row = items(run, "colours")[0]
    assert row["prompts"][0].endswith("Question: What colour is thing 0?\nAnswer:")
    assert row["prompts"][0].count("Question:") == 3 and row["shots"] == 2
    expected = [model.loglikelihood(Pair(row["prompts"][0], f" {choice}")) for choice in row["choices"]]
    assert row["logprobs"] == [one.logprob for one in expected]
    assert row["unconditional"] == [model.loglikelihood(Pair("", f" {choice}")).logprob for choice in row["choices"]]
    assert (row["tokens"], row["greedy"]) == ([one.tokens for one in expected], [one.greedy for one in expected])
    assert (row["chars"], row["bytes"]) == ([3, 5, 9, 16], [3, 5, 9, 16])
    assert row["predicted"] == max(range(4), key=lambda place: row["logprobs"][place])
    assert (row["file"], row["line"], row["cluster"], row["gold"]) == ("colours.jsonl", 1, "theme 0", [0])
    sums = items(run, "sums")[4]
    assert sums["prompts"] == ["4 + 4 ="] and len(sums["outputs"]) == 2 and sums["ended"] == ["eos", "eos"]
    assert sums["answers"] == ["8"] and sums["extracted"] == sums["outputs"][0].strip()
    assert len({row["evaluation"] for row in items(run, "colours")}) == 30
    assert run.manifest is not None and run.manifest.kind == "eval"
    assert {Path(entry.path).name for entry in run.manifest.inputs} == {"colours.jsonl", "pages.jsonl", "sums.jsonl"}


def test_rows_that_cannot_be_asked_have_a_reason_and_a_place_and_are_no_wrong_answers(made: Made) -> None:
    run = made(HashedModel("a"))
    failed = [row for row in items(run, "colours") if row["state"] == "failed"]
    assert [(row["file"], row["line"]) for row in failed] == [("colours.jsonl", line) for line in (4, 6, 8)]
    assert failed[0]["reason"] == "no field choices"
    found = task_of(run, "colours")
    assert (found["items"], found["scored"], found["failed"]) == (30, 27, 3)
    assert found["metrics"]["acc"]["n"] == 27
    scored = {row["item"] for row in read_rows(run.path, "scores").collect().to_dicts()}
    assert not scored & {row["item"] for row in failed}


def test_numbers_are_those_of_the_rows(made: Made) -> None:
    run = made(HashedModel("a"))
    rows = [row for row in items(run, "colours") if row["state"] == "scored"]
    acc = task_of(run, "colours")["metrics"]["acc"]
    assert acc["value"] == sum(row["predicted"] in row["gold"] for row in rows) / 27
    assert acc["clusters"] == 6 and acc["low"] < acc["value"] < acc["high"]
    assert sorted(task_of(run, "colours")["groups"]) == [f"theme {number}" for number in range(6)]
    pages = items(run, "pages")
    words = sum(len(row["prompts"][0].split()) for row in pages)
    loss = -sum(row["logprobs"][0] for row in pages)
    assert task_of(run, "pages")["metrics"]["word_perplexity"]["value"] == pytest.approx(math.exp(loss / words))
    one = task_of(run, "colours")["groups"]["theme 0"]["acc"]
    assert one["low"] is None and math.isnan(estimate_of(one).low)


def test_the_same_command_again_does_nothing_and_other_weights_are_another_run(made: Made) -> None:
    model = HashedModel("a")
    first = made(model)
    asked = model.answers
    assert made(model).path == first.path and model.answers == asked
    with pytest.raises(UserError, match="another recipe"):
        made(HashedModel("b"))
    again = made(HashedModel("a"), "again")
    assert again.manifest is not None and again.manifest.counts["asked"] == 0
    assert digests(again.path) == digests(first.path)


def test_changed_data_are_another_run(made: Made, folder: Path) -> None:
    made(HashedModel("a"))
    lines = (folder / "sums.jsonl").read_text().splitlines()
    (folder / "sums.jsonl").write_text("\n".join(reversed(lines)))
    with pytest.raises(UserError, match="another recipe"):
        made(HashedModel("a"))


def test_a_limit_takes_the_same_items_under_every_preset(made: Made, folder: Path) -> None:
    both = made(HashedModel("a"), limit=10, tasks=(str(folder / "colours.yaml"),), presets="all", change={})
    rows = read_rows(both.path, "items").collect()
    chosen = {preset: set(part["item"]) for (preset,), part in rows.group_by("preset")}
    assert chosen["default"] == chosen["letters"] and len(chosen["default"]) == 10
    assert rows["row"].to_list()[:10] == sorted(rows["row"].to_list()[:10])
    assert read_summary(both.path)["averages"] == {}
    other = made(HashedModel("a"), "other", limit=10, seed=1, tasks=(str(folder / "colours.yaml"),))
    assert set(read_rows(other.path, "items").collect()["item"]) != chosen["default"]


def test_settings_change_tasks(made: Made) -> None:
    run = made(HashedModel("a"), shots=0, change={"sums": {"decoding": {"n": 3}}})
    assert items(run, "colours")[0]["prompts"][0].count("Question:") == 1
    assert len(items(run, "sums")[0]["outputs"]) == 3
    with pytest.raises(UserError, match=r"change\.sum: no such task") as caught:
        made(HashedModel("a"), "x", change={"sum": {}})
    assert "sums" in caught.value.hint
    with pytest.raises(UserError, match="decodin"):
        made(HashedModel("a"), "x", change={"sums": {"decodin": {}}})


def test_what_a_model_cannot_do_is_said_before_anything_is_asked(made: Made) -> None:
    model = HashedModel("a", can=frozenset({"generate"}))
    with pytest.raises(UserError, match="colours needs log-likelihoods of given texts, which hashed:a does not offer"):
        made(model)
    assert model.answers == 0


def test_failed_requests_are_failed_rows_and_asked_again_by_force(made: Made) -> None:
    errors = {"7 + 7": "HTTP 500", "word0 word1 word2 ": "no answer within 120 s"}
    broken = HashedModel("a", errors=lambda text: next((errors[part] for part in errors if part in text), None))
    run = made(broken)
    assert items(run, "sums")[7]["state"] == "failed" and items(run, "sums")[7]["reason"] == "HTTP 500"
    assert task_of(run, "sums")["failed"] == 1 and task_of(run, "sums")["metrics"]["exact_match"]["n"] == 29
    assert task_of(run, "sums")["reasons"] == {"HTTP 500": 1}
    assert run.manifest is not None and run.manifest.counts["requests_failed"] == 1 + 28
    model = HashedModel("a")
    again = made(model, force=True)
    assert again.manifest is not None and again.manifest.counts["asked"] == model.answers == 1 + 28
    assert task_of(again, "sums")["failed"] == 0


def test_a_silent_model_is_unscored_and_not_wrong(made: Made) -> None:
    class Silent(HashedModel):
        def say(self, prompt: Any, decoding: Any, seed: int) -> Any:
            return [one._replace(text=" \n") for one in super().say(prompt, decoding, seed)]

    found = task_of(made(Silent("a")), "sums")
    assert (found["scored"], found["unscored"], found["metrics"]) == (0, 30, {})
    assert found["reasons"] == {"the model said nothing": 30}


def test_progress_is_told_with_all_that_is_wanted(made: Made) -> None:
    heard: list[Event] = []
    made(HashedModel("a"), listener=heard.append)
    fractions = [event.fraction for event in heard]
    assert fractions[0] == 0.0 and fractions[-1] == 1.0 and fractions == sorted(fractions, key=lambda each: each or 0)


def test_hostile_text_is_kept_as_text(made: Made, folder: Path) -> None:
    rows = [{"question": "\x1b[2J\ud800 {{7*7}} <script>", "answer": "0"}, {"question": "ok", "answer": "1"}]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = made(HashedModel("a"))
    assert items(run, "sums")[0]["prompts"] == ["\x1b[2J\ufffd {{7*7}} <script> ="]


def test_an_empty_file_is_no_evaluation(made: Made, folder: Path) -> None:
    (folder / "sums.jsonl").write_text("")
    with pytest.raises(UserError, match="sums: there are no rows in") as caught:
        made(HashedModel("a"))
    assert caught.value.code == Exit.INPUT


@pytest.mark.parametrize("how", ["answers", "files"])
def test_a_run_killed_at_any_place_comes_to_the_same_files(how: str, folder: Path, made: Made) -> None:
    script = Path(__file__).parent / "killed.py"
    command = [sys.executable, str(script), str(folder), how]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 8
    whole = made(HashedModel("a"))
    assert digests(folder / "killed" / "run") == digests(whole.path)
    left = {path.name for path in (folder / "killed" / "run").iterdir()}
    assert "manifest.json" in left and "units" not in left and not any(".tmp" in name for name in left)


def test_intervals_of_bounded_scores_stay_within_their_bounds() -> None:
    columns = {"group": [None] * 8, "cluster": [None] * 8, "item": [str(place) for place in range(8)]}
    text = dict.fromkeys(("group", "cluster"), pl.String)
    for metric, values, most in (("norm_correct_prob", [1 + 2**-50, *[1e-4] * 7], 1.0), ("brier", [2.0] * 8, 2.0)):
        rows = pl.DataFrame({**columns, "metric": metric, "value": values, "weight": 1.0}, schema_overrides=text)
        found = estimates(rows)[metric]
        assert 0 <= found["low"] <= found["value"] <= found["high"] <= most and found["high"] > found["low"]
    rows = rows.with_columns(metric=pl.lit("answer_bpb"), value=pl.Series([2.0] * 7 + [9.0]))
    assert estimates(rows)["answer_bpb"]["high"] > 2.875
