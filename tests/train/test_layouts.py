"""One process, micro-batches, DDP and FSDP2 take the same steps, whatever labels their ranks hold."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from train.checkpoint import latest

from .toys import Rows, Toy, language, trainer

TOYS = Path(__file__).with_name("toys.py")
MUON = {"optim": {"optimizer": "muon"}}
JOBS: dict[str, dict[str, Any]] = {
    "adamw": {"micro": 2},
    "muon": {"micro": 2, **MUON},
    "two": {"micro": 1, "two": True},
    "llama": {"micro": 1, "llama": True},
    "begun": {"steps": 2},
}


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every job, done by two processes in both ways."""
    out = tmp_path_factory.mktemp("layouts")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(TOYS)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(out), json.dumps(JOBS)], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.fixture(params=["ddp", "fsdp"])
def parallel(request: pytest.FixtureRequest, layouts: Path) -> Path:
    """The jobs of one way."""
    return layouts / request.param


def _compare(one: Path, other: Path, tolerance: float) -> None:
    left, right = (load_file(latest(path) / "model.safetensors") for path in (one, other))
    assert left.keys() == right.keys()
    assert max(float((left[name] - right[name]).abs().max()) for name in left) < tolerance
    rows = [pl.read_parquet(path / "metrics").filter(kind="train") for path in (one, other)]
    assert rows[0].columns == rows[1].columns
    assert rows[0]["step"].to_list() == rows[1]["step"].to_list()
    timed = {"step", "kind", "part", "seconds", "wait_s", "tokens_per_s", "peak_share", "bytes", "bits_per_byte"}
    for column in set(rows[0].columns) - timed:
        assert rows[1][column].to_list() == pytest.approx(rows[0][column].to_list(), rel=1e-4), column


def test_micro_batches_take_the_same_steps(tmp_path: Path) -> None:
    for name in ("adamw", "muon", "llama"):
        trainer(tmp_path / "one", **{**JOBS[name], "micro": 8}).train()
        trainer(tmp_path / "many", **JOBS[name]).train()
        _compare(tmp_path / "one", tmp_path / "many", 1e-5 if name == "llama" else 1e-6)
        shutil.rmtree(tmp_path / "one")
        shutil.rmtree(tmp_path / "many")


# Muon rounds updates to bf16, and AdamW divides small numbers of many layers or terms: a last bit shows there first.
@pytest.mark.parametrize(("name", "tolerance"), [("adamw", 1e-6), ("muon", 1e-5), ("two", 1e-5), ("llama", 1e-5)])
def test_two_processes_take_the_same_steps(tmp_path: Path, parallel: Path, name: str, tolerance: float) -> None:
    trainer(tmp_path / "one", **{**JOBS[name], "micro": 8}).train()
    _compare(tmp_path / "one", parallel / name, tolerance)


def test_a_checkpoint_does_not_depend_on_the_number_of_processes(tmp_path: Path, parallel: Path) -> None:
    """Begun by two processes, ended by one: as one process would have done it."""
    trainer(tmp_path / "straight", steps=4).train()
    shutil.copytree(parallel / "begun", tmp_path / "moved")
    assert trainer(tmp_path / "moved", steps=4).train().step == 4
    _compare(tmp_path / "straight", tmp_path / "moved", 1e-6)


def test_the_mean_of_ranks_would_be_another_step(tmp_path: Path) -> None:
    """What the weights guard against: each half divided by its own labels is off by far more than rounding."""
    one = trainer(tmp_path / "one").train()
    model = Toy()
    optimizer = torch.optim.AdamW(
        [
            {"params": [model.layers[0].weight, model.lm_head.weight], "weight_decay": 0.1},
            {"params": [model.embed.weight, model.layers[0].bias, *model.norm.parameters()], "weight_decay": 0.0},
        ],
        lr=1e-2,
        betas=(0.9, 0.95),
    )
    for step in range(3):
        for rank in range(2):
            (batch,) = Rows().batches(step, rank, 2)
            sums = language(model, batch)
            (sums.loss / sums.weight / 2).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    found = load_file(one.checkpoint / "model.safetensors")
    assert max(float((found[name] - value).abs().max()) for name, value in model.state_dict().items()) > 1e-3
