"""Three seeds of `benchmarks/instruct.py`: a model of a million parameters that answers one sum in ten learns from a
rule to answer most of them, by GRPO and by PPO, without going far from what it was; and the pretraining gradient keeps
what it knew of its text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SEEDS = (1, 2, 3)
MOST_S, MOST_KL = 600.0, 0.5
CALLED = {"grpo": "GRPO", "ppo_rule": "PPO", "ptx_rule": "PPO-ptx"}


@pytest.mark.prove
def test_a_rule_is_learned_and_the_text_is_kept(
    benchmark_module: Callable[[str], ModuleType], tmp_path: Path, record: Callable[[str, str], None]
) -> None:
    instruct = benchmark_module("instruct")
    study = instruct.study(tmp_path, SEEDS)
    instruct.report(study)
    seeds = study["seeds"]
    for name, called in CALLED.items():
        told = [(*one["rollouts"][name], one["seconds"][name]) for one in seeds]
        lines = [f"{first:.0%} to {last:.0%}, {kl:.2f} nats a token, {s:.0f} CPU-s" for first, last, kl, s in told]
        record(f"a rule learned by {called}", "; ".join(lines) + f" (seeds {', '.join(map(str, SEEDS))})")
    bits, right = study["gamma_0_less_ptx"]["bits_per_byte"], study["gamma_0_less_ptx"]["right"]
    record(
        "the pretraining gradient in PPO",
        f"held-out bits per byte lower by {bits['mean']:.3f} ± {bits['half']:.3f} (95 %, {len(SEEDS)} seeds) than with"
        f" gamma 0, where right answers differ by {right['mean']:+.3f} ± {right['half']:.3f}",
    )
    for one in seeds:
        assert one["policies"]["sft"]["right"] < 0.2
        for name in CALLED:
            first, last, kl = one["rollouts"][name]
            assert first < 0.2 and last > 0.8 and kl < MOST_KL
            assert one["seconds"][name] < MOST_S
            assert one["policies"][name]["right"] > 0.6  # of questions that no reward was about
            assert one["policies"][name]["token_kl"] < MOST_KL
    assert bits["mean"] - bits["half"] > 0
    assert abs(right["mean"]) < 0.05
