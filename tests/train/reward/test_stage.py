"""`train reward` as a run: it learns, says how well, goes on after kills, and is used by name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from train.cli.reward import reward
from train.model.build import weights_digest
from train.reward.scorer import open_reward
from workbench import console
from workbench.errors import UserError

from . import judges

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return judges.make(tmp_path_factory.mktemp("judges"))


@pytest.fixture(scope="module")
def straight(folder):
    return judges.trained(folder, folder / "straight", epochs=4, save_every=2)


def test_it_learns_and_says_how_well(folder, straight):
    data = straight.data
    found = data["report"]["held_out"]
    assert found["accuracy"] > 0.9
    assert sum(each["pairs"] for each in found["calibration"]["bins"]) == found["pairs"] > 10
    assert data["sets"]["rows"]["ties"] == 60
    assert data["seen"]["rows"]["pairs"] == 2 * data["seen"]["rows"]["rows"]
    assert "<svg" in (straight.run.path / "report.html").read_text()
    table = pl.read_parquet(straight.run.path / "held_out.parquet")
    assert table.height == found["prompts"] * 3
    metrics = pl.read_parquet(straight.run.path / "metrics")
    assert {"accuracy", "probability", "gap"} <= set(metrics.columns)


def test_the_best_responses_have_a_mean_of_0(folder, straight):
    scorer = open_reward(str(straight.run.path), folder / "root")
    assert scorer.model.bias.item() == pytest.approx(straight.data["bias"][0])
    assert scorer.score(["animal 3?"], ["dog fox"])[0] > scorer.score(["animal 3?"], ["dog cow"])[0]
    table = pl.read_parquet(straight.run.path / "held_out.parquet")
    best = table.filter(pl.col("response") == 0)["score"].mean()
    assert abs(best) < 2.0 < best - table.filter(pl.col("response") > 0)["score"].mean() + 2.0
    fox, dog = table.filter(pl.col("response") == 0)["text"][0], table.filter(pl.col("response") == 1)["text"][0]
    assert scorer.probability("animal 3?", fox, dog) > 0.5


@pytest.mark.parametrize("options", [{"heads": 2, "epochs": 4, "save_every": 2}], ids=["ensemble"])
def test_kill_9_changes_nothing(folder, tmp_path, options):
    whole = judges.trained(folder, tmp_path / "whole", **options)
    done = subprocess.run(
        [sys.executable, str(HERE / "judges.py"), str(folder), str(tmp_path / "killed"), "1", "5", json.dumps(options)],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    kills, digest = done.stdout.split()
    assert int(kills) >= 3
    assert digest == weights_digest(whole.run.path / "model")
    tables = [pl.read_parquet(tmp_path / name / "held_out.parquet") for name in ("whole", "killed")]
    assert tables[0].equals(tables[1])


def test_it_scores_with_the_template_that_it_was_trained_with(folder, tmp_path):
    data = {"sets": [{"path": "rows.jsonl"}], "template": "plain"}
    done = judges.trained(folder, tmp_path / "out", data=data)
    scorer = open_reward(str(done.run.path), folder / "root")
    table = pl.read_parquet(done.run.path / "held_out.parquet")
    rows = {f"rows.jsonl:{n + 1}": f"animal {n}?" for n in range(60)}
    found = scorer.score([rows[name] for name in table["prompt_id"]], table["text"].to_list())
    assert found == pytest.approx(table["score"].to_list(), abs=1e-5)


def test_two_processes_and_shards_take_the_same_steps(folder, tmp_path):
    """Prompts of unequal numbers of responses are dealt to processes; a step divides by all of them."""
    options = {"epochs": 0.5, "centering": 0.01}
    whole = load_file(judges.trained(folder, tmp_path / "whole", **options).run.path / "model" / "model.safetensors")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    asked = [str(HERE / "judges.py"), str(folder), str(tmp_path), "layout", json.dumps(options)]
    done = subprocess.run([*torchrun, *asked], capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    for sharding in ("ddp", "fsdp"):
        found = load_file(tmp_path / sharding / "model" / "model.safetensors")
        for name, value in whole.items():
            torch.testing.assert_close(found[name], value, atol=2e-5, rtol=0)


@pytest.mark.parametrize("lora", [{"r": 4, "alpha": 8}, {"r": 4, "alpha": 8, "quantise": True}], ids=["lora", "qlora"])
def test_adapters_are_merged_into_the_finished_model(folder, tmp_path, lora):
    done = judges.trained(folder, tmp_path / "lora", lora=lora, epochs=6)
    assert done.data["report"]["held_out"]["accuracy"] > 0.8
    scorer = open_reward(str(done.run.path), folder / "root", template="chatml")
    assert not [name for name in scorer.model.state_dict() if "lora" in name]
    kept = list((done.run.path / "checkpoints").glob("*/model.safetensors"))
    assert kept[0].stat().st_size < (done.run.path / "model" / "model.safetensors").stat().st_size / 2


def command(*arguments):
    app = console.app("train", "A part of it.")
    for name in ("reward", "other"):
        app.command(name)(console.command("train.reward/1")(reward))
    torch.set_num_threads(1)
    done = CliRunner().invoke(app, ["reward", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_the_command(folder, tmp_path):
    common = ("--from", folder / "base", "--data", folder / "rows.jsonl", "--root", tmp_path / "root")
    fast = ("--epochs", 1, "--set", "prompts_a_step=12", "--out", tmp_path / "out")
    code, out, err = command(*common, "--template", "chatml", *fast)
    assert code == 0, err
    assert "Held-out pairs" in out and "P(a > b)" in out
    assert "set 'rows': 60 pairs are ties, which teach nothing" in err.replace("\n", " ")
    code, out, err = command("--from", folder / "base", "--root", tmp_path / "root")
    assert code == 2 and "no data are named" in err


def test_thumbs_alone_are_nothing_to_compare(folder, tmp_path):
    rows = [{"prompt": f"{n}?", "response": "fox", "label": True} for n in range(4)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match="no prompt has a pair to learn from"):
        judges.trained(
            folder, tmp_path / "out", data={"sets": [{"path": str(tmp_path / "rows.jsonl")}], "template": "chatml"}
        )
