"""DPO on real pairs: a small fine-tuned model tells held-out better answers from worse ones more often than before."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from train.distributed import World
from train.model.build import build, save
from train.model.config import ModelConfig
from train.stages.dpo import dpo
from train.stages.run import Where, train
from train.stages.settings import Dpo, Sft
from train.stages.sft import sft
from train.tokenizer.train import train as train_tokenizer
from workbench.console import Screen


@pytest.mark.prove
def test_dpo_on_real_pairs(shared_data: Path, tmp_path: Path, record: Callable[[str, str], None]) -> None:
    torch.set_num_threads(2)
    folder = shared_data / "post-training"
    with gzip.open(folder / "llms-from-scratch-instructions.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    tokenizer = train_tokenizer([" ".join(map(str, row.values())) for row in rows], 1024)
    config = ModelConfig.preset(
        2, tokenizer.size, max_positions=256, bos=tokenizer.bos, eos=tokenizer.eos, pad=tokenizer.pad
    )
    save(build(config, seed=0), config, tmp_path / "base")
    tokenizer.save(tmp_path / "base")
    screen, world = Screen(quiet=True, progress=False), World()

    def where(name: str) -> Where:
        return Where(tmp_path / "root", tmp_path / name)

    common: dict[str, Any] = {"device": "cpu", "rows": {"tokens": 4096, "micro": 8}}
    tuned = Sft.model_validate(
        {
            **common,
            "checkpoint": str(tmp_path / "base"),
            "data": {"sets": [{"path": str(folder / "llms-from-scratch-instructions.jsonl.gz")}], "template": "chatml"},
            "epochs": 1,
            "optim": {"lr": 3e-3},
        }
    )
    train(sft(tuned, where("sft"), screen, base=tmp_path), world, where("sft"), screen)
    preferred = Dpo.model_validate(
        {
            **common,
            "checkpoint": str(tmp_path / "sft"),
            "data": {"sets": [{"path": str(folder / "llms-from-scratch-preferences.jsonl.gz")}], "template": "chatml"},
            "prompts_a_step": 16,
            "held_out": 0.15,
            "optim": {"lr": 5e-4},
        }
    )
    data = train(dpo(preferred, where("dpo"), screen, base=tmp_path), world, where("dpo"), screen).data
    before, after = (next(row for row in data[when] if row["part"] == "") for when in ("measured_before", "measured"))
    said = ", ".join(
        f"{what} {before[name]:.3f} -> {after[name]:.3f}"
        for what, name in (
            ("higher reward", "accuracy"),
            ("higher log-probability", "likelier"),
            ("a token", "likelier_mean"),
            ("loss", "loss"),
        )
    )
    record("DPO on real pairs", f"better answers told on {after['weight']:.0f} held-out prompts: {said}")
    assert before["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert after["accuracy"] > max(0.7, before["accuracy"] + 0.15)
    assert after["loss"] < 0.6
