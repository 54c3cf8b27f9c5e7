"""What the training page asks, on runs of a few steps whose answers can be counted by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dashboard_trainings import STAGE, evaluation, part, step, training

from dashboard.queries import training as queries
from dashboard.queries import training_recipes, training_story, training_texts
from dashboard.queries.training import Extent, Window
from dashboard.queries.training_story import Mark
from dashboard.source import Source, open_database
from dashboard.workspace import scan
from workbench.errors import UserError
from workbench.events import Event

ROWS = [
    evaluation(0, 6.0),
    *(step(number, loss) for number, loss in enumerate((5.0, 4.0, math.nan, 2.0), start=1)),
    evaluation(4, 3.0),
    {**evaluation(4, 9.0), "part": "a"},
]


def source(root: Path, name: str) -> Source:
    found = scan(root)
    run = found.get(name)
    assert run is not None
    return Source(open_database(found.directories), run)


def points(frame: pl.DataFrame, *columns: str) -> list[Any]:
    return frame.select(columns).rows()


def test_a_step_is_a_point_where_there_is_room(tmp_path: Path) -> None:
    training(tmp_path, "one", ROWS)
    frame = queries.curves(source(tmp_path, "one"), ("loss",), *queries.window(0, 4))
    assert points(frame, "kind", "step", "tokens", "seconds", "low", "total", "count") == [
        ("eval", 0, 0.0, 0.0, 6.0, 6.0, 1),
        ("eval", 4, 40.0, 2.0, 3.0, 3.0, 1),
        ("train", 1, 10.0, 0.5, 5.0, 5.0, 1),
        ("train", 2, 20.0, 1.0, 4.0, 4.0, 1),
        ("train", 4, 40.0, 2.0, 2.0, 2.0, 1),
    ]


def test_several_steps_are_a_point_with_least_mean_and_largest(tmp_path: Path) -> None:
    training(tmp_path, "one", [step(number, float(number)) for number in range(1, 9)])
    frame = queries.curves(source(tmp_path, "one"), ("loss", "lr"), 0, 8, 4)
    assert points(
        frame.filter(pl.col("metric") == "loss"), "bucket", "since", "step", "low", "high", "total", "count"
    ) == [
        (0, 1, 3, 1.0, 3.0, 6.0, 3),
        (1, 4, 7, 4.0, 7.0, 22.0, 4),
        (2, 8, 8, 8.0, 8.0, 8.0, 1),
    ]
    assert frame["metric"].unique().sort().to_list() == ["loss", "lr"]


def test_windows_are_powers_of_two_and_have_room() -> None:
    assert queries.window(0, 299) == Window(0, 299, 1)
    assert queries.window(0, 300) == Window(0, 300, 2)
    assert queries.window(0, 1_000_000, points=300) == Window(0, 1_000_000, 4096)
    log = queries.window(1, 100_000, log=True)
    assert log.per == 16.0 and math.log(100_001) * log.per <= 300


def test_a_logarithmic_axis_has_narrow_points_at_its_beginning(tmp_path: Path) -> None:
    training(tmp_path, "one", [step(number, 1.0) for number in range(1, 401)])
    frame = queries.curves(source(tmp_path, "one"), ("loss",), *queries.window(1, 400, log=True))
    assert frame["count"][0] == 1 and frame["count"][-1] > 4
    assert frame["count"].sum() == 400 and frame.height <= 300


def test_older_parts_and_the_newest_are_the_same_as_all_at_once(tmp_path: Path) -> None:
    run = training(tmp_path, "one", [step(number, float(number)) for number in range(1, 6)])
    part(run.path, [step(number, float(number)) for number in range(6, 10)])
    asked = source(tmp_path, "one")
    names = [name for name, _ in queries.parts(run.path)]
    window = (0, 9, 4)
    before = queries.curves(asked, ("loss",), *window, only=tuple(names[:1]))
    tail = queries.curves(asked, ("loss",), *window, only=tuple(names[1:]))
    so_far = queries.extent(asked, tuple(names[:1]))
    assert so_far == Extent(1, 5, 5, 50.0, 2.5)
    assert queries.joined(before, tail, so_far).equals(queries.curves(asked, ("loss",), *window))


def test_smoothing_looks_back_only_and_leaves_evaluations() -> None:
    rows = [("loss", "train", 0, 2.0, 1), ("loss", "train", 1, 12.0, 3), ("loss", "train", 2, 1.0, 1)]
    rows += [("loss", "eval", 0, 8.0, 1), ("loss", "eval", 1, 4.0, 1)]
    frame = pl.DataFrame(rows, schema=("metric", "kind", "bucket", "total", "count"), orient="row")
    found = queries.smoothed(frame, 2)
    assert found.filter(pl.col("kind") == "train")["value"].to_list() == [2.0, 14.0 / 4, 13.0 / 4]
    assert found.filter(pl.col("kind") == "eval")["value"].to_list() == [8.0, 4.0]
    assert queries.smoothed(frame, 1).filter(pl.col("kind") == "train")["value"].to_list() == [2.0, 4.0, 1.0]


def test_columns_may_be_called_anything(tmp_path: Path) -> None:
    name = 'policy.reward.{x}"; DROP TABLE y; --'
    training(tmp_path, "one", [step(1, 1.0, **{name: 7.0})])
    asked = source(tmp_path, "one")
    assert name in queries.names(asked)
    frame = queries.curves(asked, (name, "not there"), 0, 1, 1)
    assert points(frame, "metric", "low") == [(name, 7.0)]


def test_a_run_without_rows_is_empty(tmp_path: Path) -> None:
    training(tmp_path, "one")
    asked = source(tmp_path, "one")
    assert queries.extent(asked) == queries.EMPTY
    assert queries.names(asked) == []
    assert queries.curves(asked, ("loss",), 0, 1, 1).height == 0
    assert training_story.standing(asked).step == 0
    assert training_texts.sample_steps(asked) == [] and training_texts.rollout_files(asked) == {}


def test_a_part_that_went_away_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = training(tmp_path, "one", [step(1, 1.0)], finish=False)
    part(run.path, [step(2, 2.0)])
    asked = source(tmp_path, "one")
    listed = Source._files
    gone: list[str] = []

    def once(self: Source, table: str) -> list[Path]:
        found = listed(self, table)
        if not gone:
            gone.append(found[-1].name)
            found[-1].unlink()
        return found

    monkeypatch.setattr(Source, "_files", once)
    assert asked.query("SELECT max(step) FROM {metrics}")[0, 0] == 1
    assert gone == ["part-000000002.parquet"]
    run.close()


def test_where_a_training_stands(tmp_path: Path) -> None:
    run = training(tmp_path, "going", ROWS, finish=False)
    run.emit(Event("progress", "train", "loss 1", counts={"steps": 4, "steps_total": 10}, fraction=0.4))
    (run.path / "checkpoints" / "step-00000002").mkdir(parents=True)
    (run.path / "checkpoints" / "step-00000002" / "COMPLETE").write_text("{}")
    (run.path / "checkpoints" / "step-00000004.tmp-1").mkdir()
    asked = source(tmp_path, "going")
    found = training_story.standing(asked, Extent(1, 100, 100, 1000.0, 50.0))
    run.close()
    assert (found.step, found.total, found.tokens, found.seconds) == (100, 10, 1040.0, 52.0)
    found = training_story.standing(asked)
    assert found.loss == pytest.approx(11 / 3) and found.left_s == 3.0 and found.tokens_per_s == 20.0
    assert (found.peak_share, found.checkpoint) == (pytest.approx(0.1), 2)
    assert (found.held_out, found.bits, found.at, found.labels) == (3.0, 1.5, 4, 40)
    assert queries.flops_per_token(asked, "fp32") == pytest.approx(0.1 * 0.5 / 10 * 2000)
    assert queries.flops_per_token(asked, "bf16") is None


def test_what_happened_is_marked(tmp_path: Path) -> None:
    run = training(tmp_path, "one", [*ROWS, step(5, 1.0, skipped=True)])
    told = [
        Event("warning", "train", "step 3: loss nan, gradient norm 1.0; not taken"),
        Event("info", "train", "goes on from step 2 (step-00000002)"),
        Event("info", "train", "step 4: held-out loss 3.0"),
    ]
    with (run.path / "events.jsonl").open("a") as file:
        file.write("".join(event.line() + "\n" for event in told) + '{"message": 5, "step": "train"}\n')
    found = training_story.marks(source(tmp_path, "one"), ("main", "anneal"))
    assert found == [
        Mark(2, "resumed", "goes on from step 2 (step-00000002)"),
        Mark(3, "alarm", "step 3: loss nan, gradient norm 1.0; not taken"),
        Mark(3, "skipped", "loss nan, gradient norm 1.0"),
        Mark(5, "skipped", "loss 1.0, gradient norm 1.0"),
        Mark(6, "phase", "phase anneal begins"),
    ]


@pytest.mark.parametrize(
    ("seen", "steps"),
    [
        ({"a": {"epochs": 2.0}}, [4]),
        ({"a": {"epochs": 2.5}, "b": {"epochs": 2.5}}, [3, 6]),
        ({"a": {"epochs": 2.0}, "b": {"epochs": 3.0}}, []),
        ({"a": {"epochs": 0.5}}, []),
        ({"a": 3}, []),
    ],
)
def test_epochs_end_where_everything_is_read_equally_often(
    tmp_path: Path, seen: dict[str, Any], steps: Sequence[int]
) -> None:
    training(tmp_path, "one", ROWS, stage={**STAGE, "seen": seen})
    found = training_story.marks(source(tmp_path, "one"))
    assert [mark.step for mark in found if mark.what == "epoch"] == steps


def test_a_pretraining_is_a_point_of_scaling(tmp_path: Path) -> None:
    training(tmp_path, "one", ROWS)
    training(tmp_path, "none", ROWS, stage={**STAGE, "measured": []})
    assert training_story.scaling(source(tmp_path, "one"), "fp32") == {
        "run": "one",
        "parameters": 100.0,
        "tokens": 80.0,
        "flops": 800.0,
        "loss": 2.5,
        "bits": 1.25,
        "n": 40,
        "data": "tokens-1",
    }
    assert training_story.scaling(source(tmp_path, "none"), "fp32") is None
    unknown = training_story.scaling(source(tmp_path, "one"), "bf16")
    assert unknown is not None and unknown["flops"] is None


def test_a_reward_model_is_judged_with_an_interval() -> None:
    held = {"accuracy": 0.75, "accuracy_interval": [0.5, 0.9], "prompts": 12, "pairs": 1500}
    words = "accuracy 75.0 % [50.0 %, 90.0 %], 12 prompts with 1,500 pairs"
    assert training_story.judged({"report": {"held_out": held}}) == words
    for other in ({}, {"report": 3}, {"report": {"held_out": {**held, "accuracy_interval": None}}}):
        assert training_story.judged(other) == ""


def test_recipes_differ_in_what_they_differ(tmp_path: Path) -> None:
    training(tmp_path, "one", recipe="recipe:\n  lr: 0.1\n  same: 1\n  list: [1, 2]\nsources:\n  data: a\n")
    training(tmp_path, "two", recipe="recipe:\n  lr: 0.2\n  same: 1\n  lora: {}\nsources:\n  data: a\n")
    found = {name: training_recipes.recipe(source(tmp_path, name)) for name in ("one", "two")}
    assert training_recipes.differing(found).rows() == [
        ("lr", "0.1", "0.2"),
        ("list", "[1, 2]", "—"),
        ("lora", "—", "{}"),
    ]
    (tmp_path / "one" / "recipe.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="recipe"):
        training_recipes.recipe(source(tmp_path, "one"))


def test_samples_and_rollouts_are_read_by_step(tmp_path: Path) -> None:
    run = training(tmp_path, "one", ROWS, kind="train.pg")
    for folder in ("samples", "rollouts"):
        (run.path / folder).mkdir()
    rows = {"step": [2, 2, 4], "prompt": ["a", "b", "a"], "text": ["x", "y" * 30_000, "z"]}
    pl.DataFrame(rows).write_parquet(run.path / "samples" / "part-000000002.parquet")
    names = ("prompt_id", "sample", "prompt", "response", "reason", "score", "part.short", "kl", "advantage")
    told = [
        ("p", number, "Hi", "yo" * number, "eos", score, 1.0, 0.5, 0.0, [1, 2], [3])
        for number, score in enumerate((3.0, 1.0))
    ]
    frame = pl.DataFrame(told, schema=(*names, "prompt_ids", "ids"), orient="row")
    frame.write_parquet(run.path / "rollouts" / "step-00000006.parquet")
    asked = source(tmp_path, "one")
    assert training_texts.sample_steps(asked) == [2, 4]
    assert training_texts.samples(asked, 2)["chars"].to_list() == [1, 30_000]
    assert len(training_texts.samples(asked, 2)["text"][1]) == training_texts.LONGEST
    files = training_texts.rollout_files(asked)
    assert files == {6: "step-00000006.parquet"}
    page = training_texts.rollouts(asked, files[6], "worst score", 50, 0)
    assert page["score"].to_list() == [1.0, 3.0] and page["reward short"].to_list() == [1.0, 1.0]
    assert training_texts.rollouts(asked, files[6], "nonsense", 1, 1)["score"].to_list() == [3.0]
    assert training_texts.rollout_count(asked, files[6]) == 2
    assert training_texts.rollout(asked, files[6], "p", 1).row(0) == ("Hi", "yo", 2, 1)
    assert training_texts.rollout(asked, files[6], "p'; --", 1).height == 0
