"""Two runs are compared on the items that both have, and on nothing that was asked differently."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hashed_model import HashedModel
from small_tasks import write_tasks

from evalkit.compare.flips import flips
from evalkit.compare.ratios import compare_ratios
from evalkit.compare.runs import compare_runs, effect
from evalkit.models.types import Likelihood, Pair
from evalkit.run.make import Evaluation, evaluate
from evalkit.run.rows import read_rows
from evalkit.run.settings import EvalSettings
from evalkit.statistics.intervals import ratio
from evalkit.statistics.paired import compare, verdict
from workbench.errors import Exit, UserError

Made = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tasks(tmp_path, items=60)
    return tmp_path


@pytest.fixture
def made(folder: Path) -> Made:
    def make(model: HashedModel, task: str = "colours", **more: Any) -> Path:
        name = f"{task}-{model.name.replace(':', '-')}-{len(list(folder.glob('run-*')))}"
        tasks = tuple(str(folder / f"{each}.yaml") for each in task.split("+"))
        settings = EvalSettings(model=model.name, **{"tasks": tasks, "data_root": (str(folder),), **more})
        asked = Evaluation.of(settings, model, folder / "workspace", folder)
        return evaluate(asked, folder / "workspace", out=folder / f"run-{name}").path

    return make


class Better(HashedModel):
    """Knows the right colour of things whose number leaves less than `known` of 10."""

    def __init__(self, weights: str, known: int) -> None:
        super().__init__(f"{weights}{known}")
        self._known, self._weights = known, weights

    def loglikelihood(self, pair: Pair) -> Likelihood:
        number = int(pair.context.split("thing ")[-1].split("?")[0]) if "thing " in pair.context else 99
        right = (" red", " green", " deep blue", " no colour at all")[number % 4]
        if number % 10 < self._known and pair.continuation == right:
            return Likelihood(-0.01, 1, True)
        return super().loglikelihood(pair)


def values(run: Path, metric: str) -> dict[str, float]:
    rows = read_rows(run, "scores").filter(pl.col("metric") == metric).collect().to_dicts()
    return {row["item"]: row["value"] for row in rows}


def test_differences_are_paired_clustered_and_adjusted(made: Made) -> None:
    a, b = made(Better("x", 0)), made(Better("x", 9))
    found = compare_runs(a, b, metrics=["acc", "acc_norm", "brier"])
    assert [row.metric for row in found.rows] == ["acc", "acc_norm", "brier"] and found.notes == []
    left, right = values(a, "acc"), values(b, "acc")
    rows = read_rows(a, "items").filter(pl.col("state") == "scored").collect().to_dicts()
    clusters = {row["item"]: row["cluster"] for row in rows}
    order = sorted(left)
    expected = compare([left[item] for item in order], [right[item] for item in order], [clusters[i] for i in order])
    acc = found.rows[0]
    assert acc.difference == expected and acc.difference.estimate.n == 57
    assert acc.p >= acc.difference.p and acc.verdict.kind == "b" and acc.verdict.words.startswith("B better by ")
    brier = found.rows[2]
    assert brier.better == "lower" and brier.difference.estimate.value < 0 and brier.verdict.kind == "b"
    assert [row.metric for row in compare_runs(a, b).rows] == ["acc"]


def test_the_same_model_is_no_evidence_of_difference(made: Made) -> None:
    a, b = made(Better("x", 4)), made(Better("x", 4))
    found = compare_runs(a, b).rows[0]
    assert (found.difference.estimate.value, found.difference.gained, found.difference.lost) == (0.0, 0, 0)
    assert found.verdict.words == "no evidence of difference"
    needs = compare_runs(a, b, within=0.001).rows[0].verdict
    assert needs.kind == "underpowered" and needs.words.startswith("under-powered: 0.1% needs about ")
    assert compare_runs(a, b, within=0.5).rows[0].verdict.words == "tied within 50.0%"


def test_regressions_are_worse_by_more_than_chance_and_by_as_much_as_matters(made: Made) -> None:
    a, b = made(Better("x", 9)), made(Better("x", 0))
    found = compare_runs(a, b)
    assert [row.label for row in found.regressions(0.005)] == ["colours"]
    assert found.regressions(0.99) == []
    assert compare_runs(b, a).regressions(0.0) == []


def test_items_asked_differently_are_refused_unless_wanted(made: Made) -> None:
    a, b = made(HashedModel("a")), made(HashedModel("b"), shots=1)
    with pytest.raises(UserError, match="colours: 57 of 60 shared items were asked differently"):
        compare_runs(a, b)
    found = compare_runs(a, b, different_prompts=True)
    assert found.rows[0].prompts == 57
    assert any("57 shared items were asked differently" in note for note in found.notes)
    assert any("the task was defined differently" in note for note in found.notes)


def test_other_data_leave_the_items_that_both_have(made: Made, folder: Path) -> None:
    a = made(HashedModel("a"), "sums")
    lines = (folder / "sums.jsonl").read_text().splitlines()
    added = json.dumps({"question": "100 + 100", "answer": "200"})
    (folder / "sums.jsonl").write_text("\n".join([*reversed(lines[10:]), added]) + "\n")
    found = compare_runs(a, made(HashedModel("b"), "sums"))
    row = found.rows[0]
    assert (row.only_a, row.only_b, row.difference.estimate.n) == (10, 1, 50)
    assert found.notes == ["sums: 10 items only in A, 1 only in B; compared on the 50 that both have"]


def test_items_that_one_run_could_not_score_are_left_out_and_counted(made: Made) -> None:
    broken = HashedModel("b", errors=lambda text: "HTTP 429" if text.startswith("7 ") else None)
    found = compare_runs(made(HashedModel("a"), "sums"), made(broken, "sums"))
    row = found.rows[0]
    assert (row.unscored, row.difference.estimate.n) == (1, 59)
    assert found.notes == ["sums: 1 of 60 shared items were scored by one of the runs only, and are left out"]
    assert found.missing == []


def test_a_task_of_which_nothing_is_compared_is_named(made: Made, folder: Path) -> None:
    both = made(HashedModel("a"), "colours+sums")
    (folder / "sums.jsonl").write_text('{"wrong": 1}\n')
    found = compare_runs(both, made(HashedModel("a"), "colours+sums"))
    assert found.missing == ["sums"]
    assert "sums: one of the runs scored no item, and nothing is compared" in found.notes
    assert compare_runs(both, made(HashedModel("a"), "colours")).missing == ["sums"]
    assert compare_runs(both, made(HashedModel("a"), "colours"), metrics=["acc"]).missing == []


def test_losses_a_word_are_compared_as_a_ratio_over_texts(made: Made) -> None:
    a, b = made(HashedModel("a"), "pages"), made(HashedModel("b"), "pages")
    found = compare_runs(a, b, metrics=["word_perplexity", "bits_per_byte"])
    left, right = values(a, "word_perplexity"), values(b, "word_perplexity")
    rows = read_rows(a, "scores").filter(pl.col("metric") == "word_perplexity").collect().to_dicts()
    words = {row["item"]: row["weight"] for row in rows}
    order = sorted(left)
    off = np.array([right[item] - left[item] for item in order])
    expected = ratio(off, np.array([words[item] for item in order]))
    assert found.rows[0].difference.estimate == expected
    assert found.rows[1].better == "lower" and found.rows[1].difference.estimate.n == 60


def test_ratios_of_equal_texts_and_of_one_text_say_what_they_can() -> None:
    same = compare_ratios(np.ones(9), np.ones(9), np.arange(1.0, 10.0))
    assert (same.estimate.value, same.p, same.gained) == (0.0, 1.0, 0)
    one = compare_ratios(np.ones(1), np.zeros(1), np.ones(1))
    assert one.estimate.value == -1.0 and np.isnan(one.p) and np.isnan(one.detectable)


def test_ratios_have_a_p_that_agrees_with_their_interval() -> None:
    """Of texts of very different lengths, whose intervals are far from symmetric."""
    rng, sides = np.random.default_rng(7), set()
    for number in range(60):
        sizes = np.exp(rng.normal(5, 2, 12))
        b = sizes * rng.normal((number % 7 - 3) * 0.25, 1, 12)
        found = compare_ratios(np.zeros(12), b, sizes)
        is_out = not found.estimate.low <= 0 <= found.estimate.high
        assert (found.p < 0.05) == is_out and 0 < found.p <= 1
        low, high = found.equivalent
        assert found.estimate.low < low < found.estimate.value < high < found.estimate.high
        sides.add((is_out, found.estimate.value > 0))
    assert len(sides) == 4


def test_ratios_that_differ_by_the_same_a_unit_have_no_p() -> None:
    sizes = np.array([3.0, 7.0, 11.0, 0.1, 2.7])
    found = compare_ratios(sizes / 3, sizes / 3 + 0.1 * sizes, sizes)
    assert found.estimate.value == pytest.approx(0.1)
    assert np.isnan([found.p, found.estimate.low, *found.equivalent]).all()
    assert verdict(found, found.p).kind == "unknown"


def test_a_macro_average_weighs_groups_alike(made: Made, folder: Path) -> None:
    text = (
        (folder / "colours.yaml")
        .read_text()
        .replace("cluster: theme\n", "")
        .replace("group: theme", "group: theme\naverage: macro")
    )
    (folder / "colours.yaml").write_text(text)
    a, b = made(Better("x", 0)), made(Better("x", 9))
    found = compare_runs(a, b).rows[0].difference
    for run, value in ((a, found.a), (b, found.b)):
        summary = json.loads((run / "summary.json").read_text())
        assert value == pytest.approx(summary["tasks"][0]["metrics"]["acc"]["value"])


def test_flips_show_what_each_said(made: Made) -> None:
    a, b = made(Better("x", 0)), made(Better("x", 9))
    row = compare_runs(a, b).rows[0]
    found = flips(a, b, row, 2)
    assert [flip.gained for flip in found][:2] == [True, True]
    assert all(flip.b == flip.right and flip.a != flip.right for flip in found if flip.gained)
    assert found[0].prompt.startswith("Question: What colour is thing ")
    assert len(flips(a, b, row, 1000)) == row.difference.gained + row.difference.lost


def test_runs_without_a_common_task_or_metric_say_what_they_have(made: Made, folder: Path) -> None:
    a, b = made(HashedModel("a"), "colours"), made(HashedModel("a"), "sums")
    with pytest.raises(UserError, match="no task in common") as caught:
        compare_runs(a, b)
    assert "colours" in caught.value.hint and caught.value.code == Exit.INPUT
    both = made(HashedModel("b"), "colours+sums")
    assert compare_runs(a, both).notes == [f"only in {both}: sums"]
    with pytest.raises(UserError, match="no shared task has acc_nrm") as caught:
        compare_runs(a, both, metrics=["acc_nrm"])
    assert "acc_norm" in caught.value.hint
    with pytest.raises(UserError, match="holds no finished evaluation"):
        compare_runs(a, folder)


@pytest.mark.parametrize(("said", "size"), [("0.5pt", 0.005), ("0.005", 0.005), (" 2 pt", 0.02), ("0", 0.0)])
def test_sizes_of_differences(said: str, size: float) -> None:
    assert effect(said) == pytest.approx(size)


@pytest.mark.parametrize("said", ["half", "-1pt", "nan", "inf", "pt", "1%"])
def test_no_size_of_a_difference(said: str) -> None:
    with pytest.raises(UserError, match="no size of a difference"):
        effect(said)
