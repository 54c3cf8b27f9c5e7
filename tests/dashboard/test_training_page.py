"""The training page as a visitor meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dashboard_app import page, texts
from dashboard_trainings import STAGE, evaluation, part, step, training

from workbench.events import Event
from workbench.tables import write_table

ROWS = [evaluation(0, 6.0), *(step(number, 6.0 - number / 2) for number in range(1, 9)), evaluation(8, 2.5)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    training(tmp_path, "one", ROWS)
    training(tmp_path, "two", ROWS, recipe="recipe:\n  precision: fp32\n  optim:\n    lr: 0.2\n")
    return tmp_path


def charts(app: Any) -> list[str]:
    """What the pictures say to those who do not see them."""
    return [each.proto.alt for each in app.get("vega_lite_chart")]


def test_two_runs_are_compared_and_the_url_holds_the_view(root: Path) -> None:
    app = page("training", root, runs="one,two", x="tokens")
    assert not app.exception
    assert app.multiselect(key="runs").value == ["one", "two"]
    said = charts(app)
    assert said[0] == (
        "Loss. one, held-out: 6 at step 0, 2.5 at step 8, lowest 2.5, highest 6; one, training: 5.5 at step 1, 2 at "
        "step 8, lowest 2, highest 5.5; two, held-out: 6 at step 0, 2.5 at step 8, lowest 2.5, highest 6; two, "
        "training: 5.5 at step 1, 2 at step 8, lowest 2, highest 5.5"
    )
    titles = {each.partition(".")[0] for each in said}
    assert titles == {"Loss", "Held-out bits per byte", "Learning rate", "Gradient norm", "Throughput"}
    assert "Every point is a step, exact." in texts(app)
    app.session_state["part"] = "Recipes"
    app.run()
    assert "1 of 2 settings differ" in texts(app)
    app.session_state["part"] = "Scaling"
    app.run()
    assert "2 finished pretrainings, points only" in texts(app)
    app.session_state["part"] = "Data"
    app.run()
    assert "80 tokens read, exact" in texts(app)


def test_what_a_url_asks_for_may_be_nonsense(root: Path) -> None:
    app = page("training", root, runs="one,../../etc", x="volts", smooth="7", to="-3", part="Nowhere", curves="'; --")
    assert not app.exception
    assert "There is no such training: &#x27;../../etc&#x27;" in texts(app)
    assert app.multiselect(key="runs").value == ["one"]
    assert len(charts(app)) == 5


def test_a_run_that_goes_on_is_followed(root: Path) -> None:
    run = training(root, "going", [step(number, 3.0) for number in range(1, 5)], finish=False)
    part(run.path, [step(5, 2.0)])
    part(run.path, [step(6, float("nan"), skipped=True), step(7, 1.0)])
    run.emit(Event("progress", "train", "loss 1", counts={"steps": 7, "steps_total": 14}, fraction=0.5))
    app = page("training", root)
    assert app.multiselect(key="runs").value == ["going"]
    figures = {each.label: each.value for each in app.metric}
    assert figures["Step"] == "7 of 14" and figures["Tokens"] == "70" and figures["Time left"] == "about 3.5 s"
    assert charts(app)[0] == "Loss. going, training: 3 at step 1, 1 at step 7, lowest 1, highest 3"
    run.finish(counts={"steps": 7})
    app.run()
    assert not app.exception and not app.metric


def test_runs_without_metrics_and_other_stages_have_their_cards(root: Path) -> None:
    training(root, "begun", finish=False).close()
    report = {
        "vocabulary": 512,
        "special": 3,
        "unused": 1,
        "bytes": 90,
        "groups": [{"by": "all", "value": "all", "bytes": 90, "tokens": 30, "bytes_per_token": 3.0}],
    }
    words = training(root, "words", kind="train.tokenizer")
    (words.path / "report.json").write_text(json.dumps(report))
    torn = training(root, "torn", ROWS)
    (torn.path / "metrics" / "part-000000000.parquet").write_bytes(b"PAR1")
    app = page("training", root, runs="begun,words,torn")
    said = texts(app)
    assert not app.exception
    assert "The run &#x27;begun&#x27; has no rows of metrics." in said
    assert "Vocabulary of 512, of which 3 are special and 1 never occur" in said
    assert "a table of the run &#x27;torn&#x27; cannot be read" in said


def test_hostile_names_and_texts_stay_text(root: Path) -> None:
    bad = "<img src=x onerror=alert(1)>\u202e"
    run = training(root, "bad", [step(1, 1.0, **{f"policy.reward.{bad}": 1.0})], stage={**STAGE, "seen": {bad: {}}})
    (run.path / "samples").mkdir()
    rows = pl.DataFrame({"step": [1], "prompt": [bad], "text": [bad]})
    write_table(run.path / "samples" / "part-000000001.parquet", rows)
    app = page("training", root, runs="bad", part="Samples")
    said = texts(app)
    assert not app.exception
    assert "<img" not in said and "&lt;img src=x onerror=alert(1)&gt;" in said and "\u202e" not in said
