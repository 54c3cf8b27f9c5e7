"""Advantages and whitening against golden values, and what no library promises: dead groups are 0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from train.rl.advantages import GROUPED, gae, grouped, whiten

torch.set_num_threads(1)
GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))
REWARDS = torch.tensor([GOLDEN["group_adv"]["rewards"]])
GAE = GOLDEN["gae_gamma1_lam095"]
WHITENED = {  # training.md 2.5, four digits; openai in full in the golden file
    "openai": [0.9033, -0.0271, 1.1258, -0.3258, -1.6762],
    "verl": [0.8079, -0.0242, 1.0070, -0.2914, -1.4993],
    "torchtune": [1.5072, 0.6751, 1.7063, 0.4079, -0.7999],
}


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-5)


def mask(lengths: list[int], width: int) -> Tensor:
    return torch.arange(width) < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("grpo@trl", "grpo_trl"), ("dr_grpo", "dr_grpo"), ("reinforce_baseline", "dr_grpo"), ("rloo", "rloo")],
)
def test_golden_groups(name: str, wanted: str) -> None:
    assert grouped(REWARDS, name).advantages[0].tolist() == near(GOLDEN["group_adv"][wanted])


def test_standard_deviations_by_library() -> None:
    """Mean 3/8; variance 15/64 biased, 15/56 unbiased."""
    unbiased, biased = (15 / 56) ** 0.5, (15 / 64) ** 0.5
    for name, std, epsilon in [
        ("grpo@trl", unbiased, 1e-4),
        ("grpo@verl", unbiased, 1e-6),
        ("grpo@openrlhf", unbiased, 1e-9),
        ("grpo@open_instruct", biased, 1e-8),
    ]:
        assert grouped(REWARDS, name).advantages[0, :2].tolist() == pytest.approx(
            [0.625 / (std + epsilon), -0.375 / (std + epsilon)], rel=1e-7
        )


def test_reinforce_is_the_reward() -> None:
    assert grouped(REWARDS, "reinforce").advantages.tolist() == REWARDS.tolist()


@pytest.mark.parametrize("name", sorted(set(GROUPED) - {"reinforce"}))
@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1e6 + 0.1, -7.7])
def test_a_dead_group_is_exactly_zero_and_counted(name: str, value: float) -> None:
    rewards = torch.stack([torch.full((7,), value), torch.arange(7.0)])
    found = grouped(rewards, name)
    assert found.dead.tolist() == [True, False]
    assert found.advantages[0].tolist() == [0.0] * 7
    assert found.advantages[1].abs().max() > 0


@given(st.lists(st.lists(st.floats(-100, 100, width=32), min_size=4, max_size=4), min_size=1, max_size=5))
def test_leave_one_out_is_the_mean_baseline_times_n_over_n_minus_1(rewards: list[list[float]]) -> None:
    table = torch.tensor(rewards)
    rloo, centred = grouped(table, "rloo"), grouped(table, "reinforce_baseline")
    assert torch.allclose(rloo.advantages, centred.advantages * (4 / 3), rtol=1e-5, atol=1e-6)
    others = (table.double().sum(1, keepdim=True) - table) / 3
    assert torch.allclose(rloo.advantages.double(), table - others, atol=1e-4)
    for name in GROUPED:
        assert bool(torch.isfinite(grouped(table, name).advantages).all())


@pytest.mark.parametrize(
    ("rewards", "message"),
    [
        (torch.tensor([[1.0, float("nan")]]), "no number"),
        (torch.tensor([[1.0]]), "two or more"),
        (torch.tensor([1.0, 2.0]), "prompts, n"),
    ],
)
def test_what_cannot_be_compared_is_refused(rewards: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grouped(rewards, "rloo")


def test_golden_gae() -> None:
    rewards, values = torch.tensor(GAE["rewards"]), torch.tensor(GAE["values"])
    advantages, returns = gae(rewards, values, torch.ones_like(values, dtype=torch.bool))
    assert advantages[0].tolist() == near(GAE["advantages"][0])
    assert returns[0].tolist() == near(GAE["returns"][0])


def test_gae_of_rows_of_different_length_is_that_of_each_alone() -> None:
    torch.manual_seed(0)
    rewards, values = torch.randn(3, 6), torch.randn(3, 6)
    lengths = [6, 1, 4]
    advantages, returns = gae(rewards, values, mask(lengths, 6), gamma=0.9, lam=0.7)
    for row, length in enumerate(lengths):
        part = (slice(row, row + 1), slice(0, length))
        alone = gae(rewards[part], values[part], mask([length], length), gamma=0.9, lam=0.7)
        assert torch.equal(advantages[part], alone[0])
        assert torch.equal(returns[part], alone[1])
        assert not advantages[row, length:].any()
        assert not returns[row, length:].any()


def test_gae_with_lambda_1_is_the_rest_of_the_rewards() -> None:
    rewards, values = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[0.5, -1.0, 4.0]])
    _, returns = gae(rewards, values, mask([3], 3), lam=1.0)
    assert returns[0].tolist() == near([6.0, 5.0, 3.0])


@pytest.mark.parametrize("name", sorted(WHITENED))
def test_whitenings(name: Any) -> None:
    """The golden advantages, as each library whitens them; what lies outside of the mask changes nothing."""
    advantages = torch.tensor(GAE["advantages"])
    found = whiten(advantages, mask([5], 5), name)
    assert found[0].tolist() == pytest.approx(WHITENED[name], abs=5e-5)
    if name == "openai":
        assert found[0].tolist() == near(GAE["whitened"][0])
    padded = torch.cat([advantages, torch.tensor([[99.0, -99.0]])], 1)
    assert whiten(padded, mask([5], 7), name)[0].tolist() == [*found[0].tolist(), 0.0, 0.0]


def test_rewards_keep_their_mean() -> None:
    values = torch.tensor([[1.0, 2.0, 6.0]])
    found = whiten(values, mask([3], 3), "reward")
    assert found.mean().item() == near(3.0)
    assert found.var(correction=0).item() == near(1.0)


def test_too_few_tokens_to_whiten() -> None:
    assert whiten(torch.tensor([[3.0]]), mask([1], 1), "openai").item() == 0
    with pytest.raises(ValueError, match="more than 1"):
        whiten(torch.tensor([[3.0]]), mask([1], 1), "verl")
