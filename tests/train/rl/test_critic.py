"""Policy and critic as one model: where they begin, and how they lie in a checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from small_training import LLAMA, Rows, digest

from train.checkpoint import WholeModel
from train.data.batch import Batch
from train.loop import LoopSettings, Trainer
from train.lora import LoraSettings, adapt
from train.losses import LanguageModel
from train.model.build import build, load, write_config
from train.reward.model import RewardModel, new_heads
from train.rl.critic import ActorCritic, ActorCriticForm, critic_from_policy, critic_from_reward
from train.rl.objectives import ValueLoss
from train.step import Term

torch.set_num_threads(1)


class Valued(Rows):
    """Rows with what a critic learns from."""

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        found = super().batches(step, rank, world)
        extras = [{"old_values": torch.zeros(8, 16), "returns": batch.tokens.float() / 50} for batch in found]
        return [replace(batch, extras=extra) for batch, extra in zip(found, extras, strict=True)]


def both(tied: bool = True) -> ActorCritic:
    policy = build(LLAMA.replace(tied=tied), seed=3)
    return ActorCritic(policy, critic_from_policy(policy))


def trained(out: Path, until: int | None = None) -> Trainer:
    terms = [Term(LanguageModel(), Valued(), 1.0, "policy"), Term(ValueLoss(), Valued(), 0.1, "value")]
    settings = LoopSettings.model_validate({"steps": 4, "save_every": 1, "keep": 9, "optim": {"lr": 1e-2}})
    form = ActorCriticForm(WholeModel(lambda directory: write_config(LLAMA, directory)))
    found = Trainer(both(), terms, settings, out, form=form)
    found.train(until)
    return found


def test_a_stopped_training_of_both_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    straight = trained(tmp_path / "straight")
    trained(tmp_path / "stopped", until=2)
    assert digest(trained(tmp_path / "stopped").model) == digest(straight.model)


def test_the_policy_of_a_checkpoint_is_a_model_of_its_own(tmp_path: Path) -> None:
    made = trained(tmp_path)
    directory = tmp_path / "checkpoints" / "step-00000004"
    policy, config = load(directory)
    assert config == LLAMA
    assert isinstance(made.model, ActorCritic)
    assert digest(policy) == digest(made.model.policy)
    assert made.model.critic.score.weight.any()  # it learned


def test_a_critic_shares_nothing_with_the_policy_and_has_no_language_head() -> None:
    found = both(tied=False)
    assert hasattr(found.policy, "lm_head")
    assert not hasattr(found.critic.trunk, "lm_head")
    shared = {value.data_ptr() for value in found.policy.parameters()}
    assert not shared & {value.data_ptr() for value in found.critic.parameters()}
    found.checkpointing = True
    assert found.policy.checkpointing
    assert found.critic.trunk.checkpointing


def test_a_critic_from_a_policy_with_adapters_learns_whole() -> None:
    policy = build(LLAMA, seed=3)
    adapt(policy, LoraSettings(r=2))
    found = ActorCritic(policy, critic_from_policy(policy))
    assert all(value.requires_grad for value in found.critic.parameters())
    assert not any("lora" in name for name, _ in found.critic.named_parameters())
    assert sum(value.requires_grad for value in policy.parameters()) < len(list(policy.parameters()))


def test_a_critic_from_a_reward_model_begins_at_its_scores() -> None:
    reward = RewardModel(build(LLAMA, seed=5), heads=3)
    new_heads(reward, 0)
    reward.bias.copy_(torch.tensor([0.5, 1.0, 3.0]))
    tokens = torch.randint(0, 50, (2, 9), generator=torch.Generator().manual_seed(0))
    positions = torch.arange(9).expand(2, -1)
    docs = torch.zeros_like(tokens)
    scores = reward(tokens, positions, docs).mean(1)
    values = critic_from_reward(reward)(tokens, positions, docs)[:, -1]
    assert torch.allclose(values, scores, atol=1e-6)
