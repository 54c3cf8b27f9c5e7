"""A reward model brought up to date with what the policy says now, and the policy that goes on with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from train import records
from train.cli.commands import app
from train.reward.model import load_reward_model

from . import policies

COMMON = ["--template", "chatml", "--device", "cpu", "--no-progress"]
SMALL = ["--rollouts", "2", "--responses", "2", "--set", "prompts_a_rollout=4", "--set", "longest=6"]


def called(name: str, *arguments: Any) -> dict[str, Any]:
    done = CliRunner().invoke(app, [name, *map(str, arguments), "--json"])
    assert done.exit_code == 0, done.stdout
    return json.loads(done.stdout)["data"]


def compared(policy: Path, folder: Path, out: str) -> Path:
    """Samples of a policy with what the rule says of them."""
    rule = folder / "rule.yaml"
    rule.write_text(json.dumps(policies.WANTED))
    path = folder / out
    asked = ("--prompts", folder / "prompts.jsonl", "--reward", rule, "-n", 6, "--max-new", 6, "--template", "chatml")
    called("bestofn", policy, *asked, "--out", path)
    return path


def test_a_reward_model_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(records, "matmul_peak", lambda device: {"fp32": 1e9, "bf16": 1e9})
    monkeypatch.setenv("WORKBENCH_ROOT", str(tmp_path / "root"))
    folder = policies.make(tmp_path / "policies")
    base, prompts = folder / "base", folder / "prompts.jsonl"
    old = compared(base, folder, "old.jsonl")
    reward, ppo = folder / "reward", folder / "ppo"
    called("reward", "--from", base, "--data", old, "--out", reward, *COMMON)
    judged = ("--data", prompts, "--reward", reward, "--critic", reward)
    called("ppo", "--from", base, *judged, "--out", ppo, *SMALL, *COMMON)

    new = compared(ppo, folder, "new.jsonl")
    again = folder / "reward-2"
    rate = ("--set", "optim.lr=1e-12")
    read = called("reward", "--from", reward, "--data", old, "--data", new, "--out", again, *rate, *COMMON)["sets"]
    assert len(read) == 2
    before, after = (load_reward_model(run / "model")[0].state_dict() for run in (reward, again))
    # It goes on from trunk and heads: with a rate of nothing all stays (the shift is set anew).
    for name in before.keys() - {"bias"}:
        assert torch.allclose(before[name], after[name], atol=1e-6), name

    judged = ("--data", prompts, "--reward", again, "--critic", again, "--reference", base)
    second = folder / "ppo-2"
    called("ppo", "--from", ppo, *judged, "--out", second, *SMALL, *COMMON)
    kl = pl.read_parquet(second / "metrics").filter(pl.col("kind") == "train")["policy.response_kl"]
    assert kl[0] != pytest.approx(0, abs=1e-6)  # it is measured to the policy of the beginning

    refused = CliRunner().invoke(
        app, ["reward", "--from", str(reward), "--data", str(old), "--set", "heads=2", "--out", str(folder / "no")]
    )
    assert refused.exit_code == 2 and "heads" in refused.output
