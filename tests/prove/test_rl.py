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
    gaps = study["gamma_0_less_ptx"]
    less = {what: f"{gap['mean']:+.3f} ± {gap['half']:.3f}" for what, gap in gaps.items()}
    record(
        "the pretraining gradient in PPO",
        f"with gamma 0 held-out bits per byte are {less['bits_per_byte']} more, the reward {less['reward']},"
        f" right answers to questions that no reward was about {less['right']} (95 %, {len(SEEDS)} seeds)",
    )
    for one in seeds:
        assert one["policies"]["sft"]["right"] < 0.2
        for name in CALLED:
            first, last, kl = one["rollouts"][name]
            assert first < 0.2 and last > 0.8 and kl < MOST_KL
            assert one["seconds"][name] < MOST_S
            assert one["policies"][name]["right"] > 0.6  # of questions that no reward was about
            assert one["policies"][name]["token_kl"] < MOST_KL
    assert gaps["bits_per_byte"]["mean"] - gaps["bits_per_byte"]["half"] > 0
    assert abs(gaps["reward"]["mean"]) < 0.05
