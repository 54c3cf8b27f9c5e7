"""`train dpo` as a run: it learns, its reference is a table that is made once, and kills change nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from train.cli.dpo import dpo
from train.distributed import World
from train.dpo.losses import PAIR_LOSSES
from train.open import open_model
from train.stages import forecast
from workbench import console
from workbench.errors import UserError

from . import preferring

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return preferring.make(tmp_path_factory.mktemp("preferring"))


def held_out(data: dict[str, Any], when: str = "measured") -> dict[str, float]:
    return next(row for row in data[when] if row["part"] == "")


def test_it_learns_to_tell_answers_apart(folder: Path, tmp_path: Path) -> None:
    done = preferring.trained(folder, tmp_path / "out", epochs=10)
    before, after = held_out(done.data, "measured_before"), held_out(done.data)
    assert before["loss"] == pytest.approx(0.693147, abs=1e-5)
    assert before["accuracy"] == pytest.approx(0.5, abs=0.3)  # rounding decides
    assert abs(before["margin"]) < 1e-5
    assert after["accuracy"] > 0.75
    assert after["margin"] > 0.1
    metrics = pl.read_parquet(tmp_path / "out" / "metrics").filter(pl.col("kind") == "train")
    assert metrics["loss"][0] == pytest.approx(0.693147, abs=1e-5)
    assert {
        "reward_chosen",
        "reward_rejected",
        "margin",
        "accuracy",
        "likelier",
        "likelier_mean",
        "logps_chosen",
    } <= set(metrics.columns)
    assert open_model(str(tmp_path / "out"), folder / "root").config.layers == 2
    assert done.data["sets"]["rows"]["pairs"] == 100
    assert done.data["seen"]["rows"]["pairs"] > done.data["seen"]["rows"]["rows"]


@pytest.mark.parametrize("name", sorted({*PAIR_LOSSES} - {"sigmoid"}))
def test_every_loss_trains(folder: Path, tmp_path: Path, name: str) -> None:
    loss = {"name": name, "smoothing": 0.001 if name == "exo_pair" else 0.0}
    done = preferring.trained(folder, tmp_path / "out", loss=loss, epochs=1)
    assert held_out(done.data)["loss"] < held_out(done.data, "measured_before")["loss"]
    assert (tmp_path / "out" / "reference").exists() == PAIR_LOSSES[name].reference


def test_kto_trains_on_thumbs(folder: Path, tmp_path: Path) -> None:
    done = preferring.trained(folder, tmp_path / "out", data="thumbs.jsonl", loss={"name": "kto"}, epochs=12)
    before, after = held_out(done.data, "measured_before"), held_out(done.data)
    assert before["loss"] == pytest.approx(0.5, abs=1e-4)
    assert after["loss"] < before["loss"]
    assert after["accuracy"] > 0.75


KILLED: dict[str, dict[str, Any]] = {
    "whole": {"save_every": 2, "epochs": 3},
    "lora": {"save_every": 3, "epochs": 3, "lora": {"r": 4, "alpha": 8, "dropout": 0.1}, "reference": ""},
}


@pytest.fixture(scope="module")
def killed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[int, str]]]:
    """Where the trainings are that were killed, and by name how often, and the digest of their weights."""
    out = tmp_path_factory.mktemp("killed")
    arguments = [str(folder), str(out), "1", "6", json.dumps(KILLED)]
    done = subprocess.run(
        [sys.executable, str(HERE / "preferring.py"), *arguments], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out, json.loads(done.stdout)


@pytest.mark.parametrize("name", KILLED)
def test_kill_9_changes_nothing(
    folder: Path, tmp_path: Path, killed: tuple[Path, dict[str, tuple[int, str]]], name: str
) -> None:
    whole = preferring.trained(folder, tmp_path / "whole", **KILLED[name])
    kills, digest = killed[1][name]
    assert kills >= 3
    assert digest == preferring.weights(whole.run.path)
    tables = [pl.read_parquet(run / "metrics") for run in (tmp_path / "whole", killed[0] / name)]
    for column in ("step", "loss", "accuracy", "margin"):
        assert tables[0][column].to_list() == tables[1][column].to_list()


def table(run: Path) -> dict[str, torch.Tensor]:
    paths = sorted((run / "reference").glob("*/*.safetensors"))
    return {path.name: load_file(path)["logps"] for path in paths}


def test_the_table_is_made_in_blocks_once_and_what_is_missing_to_the_same_bits(folder: Path, tmp_path: Path) -> None:
    made, _, _ = preferring.stage(folder, tmp_path / "out")
    run = tmp_path / "run"
    made.prepare(run, World())
    first = table(run)
    assert list(first) == [f"{number:05d}.safetensors" for number in range(4)]
    assert sum(len(each) for each in first.values()) == 140
    path = next((run / "reference").iterdir())
    stays, gone = path / "00001.safetensors", path / "00002.safetensors"
    gone.unlink()
    (path / "00003.safetensors.tmp-x").write_bytes(b"half")
    stamp = stays.stat().st_mtime_ns
    again, _, _ = preferring.stage(folder, tmp_path / "out")
    again.prepare(run, World())
    assert stays.stat().st_mtime_ns == stamp
    assert all(torch.equal(each, first[name]) for name, each in table(run).items())


def test_two_processes_share_the_blocks(folder: Path, tmp_path: Path) -> None:
    class Second(World):
        def gather(self, value: Any) -> list[Any]:
            return [[0, 1, 2, 3]] * 2  # what the first one missed

    made, _, _ = preferring.stage(folder, tmp_path / "out")
    made.prepare(tmp_path / "one", World())
    made, _, _ = preferring.stage(folder, tmp_path / "out")
    with pytest.raises(UserError, match="missing"):  # its fellow has not written yet
        made.prepare(tmp_path / "two", Second(rank=1, size=2))
    assert list(table(tmp_path / "two")) == ["00001.safetensors", "00003.safetensors"]
    made.prepare(tmp_path / "two", Second(rank=0, size=2))
    assert all(torch.equal(each, table(tmp_path / "one")[name]) for name, each in table(tmp_path / "two").items())


@pytest.mark.parametrize("change", [{"reference": "other"}, {"precision": "bf16"}, {"context": 48}, {"data": "thumbs"}])
def test_another_reference_or_other_data_have_a_table_of_their_own(
    folder: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    more: dict[str, Any] = {"loss": {"name": "kto"}, "data": "thumbs.jsonl"} if "data" in change else dict(change)
    if "reference" in change:
        more = {"reference": str(folder / "other")}
    for options in ({}, more):
        made, _, _ = preferring.stage(folder, tmp_path / "out", **options)
        made.prepare(tmp_path, World())
    assert len(list((tmp_path / "reference").iterdir())) == 2


def test_a_damaged_table_is_an_error(folder: Path, tmp_path: Path) -> None:
    made, _, _ = preferring.stage(folder, tmp_path / "out")
    made.prepare(tmp_path, World())
    path = next((tmp_path / "reference").glob("*/00000.safetensors"))
    save_file({"logps": torch.full((3,), -1.0)}, path)
    with pytest.raises(UserError, match="damaged"):
        made.prepare(tmp_path, World())
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(UserError, match=r"00000\.safetensors"):
        made.prepare(tmp_path, World())


def test_another_reference_moves_the_start_from_ln_2(folder: Path, tmp_path: Path) -> None:
    done = preferring.trained(folder, tmp_path / "out", reference=str(folder / "other"), epochs=1)
    assert held_out(done.data, "measured_before")["loss"] != pytest.approx(0.693147, abs=1e-4)


def test_adapters_against_a_table_or_turned_off_learn_alike(folder: Path, tmp_path: Path) -> None:
    lora = {"r": 4, "alpha": 8}
    losses = []
    for name, more in (("table", {}), ("live", {"precompute": False})):
        done = preferring.trained(folder, tmp_path / name, lora=lora, epochs=2, **more)
        assert (tmp_path / name / "reference").exists() == (name == "table")
        losses.append(held_out(done.data)["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    done = preferring.trained(folder, tmp_path / "qlora", lora={**lora, "quantise": True}, epochs=1)
    assert held_out(done.data, "measured_before")["loss"] == pytest.approx(0.693147, abs=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precompute": False}, "without its adapters"),
        ({"precompute": False, "lora": {}, "reference": "base"}, "needs a table"),
        ({"context": 4096}, "made for 64 positions"),
        ({"data": "thumbs.jsonl"}, "anything to learn from"),
        ({"loss": {"name": "kto"}}, "thumb up or down"),
    ],
)
def test_what_cannot_be_learned_is_said(folder: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        preferring.stage(folder, tmp_path / "out", **options)


def command(*arguments: Any) -> tuple[int, str, str]:
    app = console.app("train", "A part of it.")
    app.command("dpo")(console.command("train.dpo/1")(dpo))
    app.command("other")(console.command("train.dpo/1")(dpo))
    torch.set_num_threads(1)
    done = CliRunner().invoke(app, ["dpo", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_the_command(folder: Path, tmp_path: Path) -> None:
    same = {"prompt": "same?", "chosen": "fox", "rejected": "fox "}
    rows = (folder / "rows.jsonl").read_text() + json.dumps(same) + "\n"
    (tmp_path / "rows.jsonl").write_text(rows)
    common = ("--from", folder / "base", "--data", tmp_path / "rows.jsonl", "--root", tmp_path / "root")
    fast = ("--epochs", 1, "--set", "prompts_a_step=12", "--out", tmp_path / "out")
    code, out, err = command(*common, "--template", "chatml", "--beta", 0.2, "--loss", "ipo", *fast)
    assert code == 0, err
    assert "Held-out answers" in out and "accuracy" in out
    assert "both sides are the same text" in err.replace("\n", " ")
    code, out, err = command(*common, "--template", "chatml", "--loss", "sigmoud")
    assert code == 2 and "sigmoid" in err
    code, out, err = command("--from", folder / "base", "--root", tmp_path / "root")
    assert code == 2 and "no data are named" in err


def test_a_forecast_makes_no_table(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "PROBE_S", 0.3)
    common = ("--from", folder / "base", "--data", folder / "rows.jsonl", "--root", tmp_path / "root")
    code, out, err = command(*common, "--template", "chatml", "--dry-run", "--out", tmp_path / "out")
    assert code == 0, err
    assert "train.dpo" in out and "tokens/s" in out
    assert not (tmp_path / "out").exists()
