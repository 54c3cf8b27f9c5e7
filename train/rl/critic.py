"""The critic: a trunk with a head of one number a position, beside the policy in one module."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from train.checkpoint import Form, read_tensors
from train.lora import merge
from train.reward.model import RewardModel

CRITIC = "critic.safetensors"
_POLICY, _CRITIC = "policy.", "critic."


class Critic(nn.Module):
    """Values [rows, width] fp32: the return that is expected before the token is written that a position foretells.

    trunk: a model of ours; its language head is taken away, because it would never learn.
    """

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        if hasattr(trunk, "lm_head"):
            del trunk.lm_head
        self.trunk = trunk
        weight = next(value for name, value in trunk.named_parameters() if name.endswith("embed_tokens.weight"))
        self.score = nn.Linear(weight.shape[1], 1, device=weight.device)
        nn.init.zeros_(self.score.weight)  # lm-human-preferences: every value is 0 at first
        nn.init.zeros_(self.score.bias)

    def forward(self, tokens: Tensor, positions: Tensor | None = None, docs: Tensor | None = None) -> Tensor:
        """Values of every position; the head is in fp32."""
        hidden = self.trunk(tokens, positions, docs)
        with torch.autocast(hidden.device.type, enabled=False):
            return self.score(hidden.float())[..., 0]


class ActorCritic(nn.Module):
    """A policy and its critic, trained in one step. As a model it is its policy: objectives of language models (ptx)
    and samplers use it as they use any; `critic` is what the value objective calls."""

    def __init__(self, policy: nn.Module, critic: Critic) -> None:
        super().__init__()
        self.policy = policy
        self.critic = critic

    @property
    def head(self) -> Tensor:
        """The policy's."""
        return self.policy.head  # type: ignore[return-value]

    @property
    def checkpointing(self) -> bool:
        """Whether layers are computed again in the backward pass."""
        return bool(self.policy.checkpointing)

    @checkpointing.setter
    def checkpointing(self, on: bool) -> None:
        self.policy.checkpointing = on  # type: ignore[assignment]
        self.critic.trunk.checkpointing = on  # type: ignore[assignment]

    def forward(self, *arguments: Tensor | None) -> Tensor:
        """The policy's hidden states."""
        hidden: Tensor = self.policy(*arguments)
        return hidden


def critic_from_policy(policy: nn.Module) -> Critic:
    """A critic with the policy's trunk as it is now (a copy, adapters merged, all of it learning), a head of zeros."""
    return Critic(merge(copy.deepcopy(policy)).requires_grad_(True))


def critic_from_reward(model: RewardModel) -> Critic:
    """A critic with the trunk and the score of a reward model (the mean of its heads), which it takes over: it begins
    where InstructGPT's does, at what the reward would be if the response ended here."""
    found = Critic(model.base)
    with torch.no_grad():
        found.score.weight.copy_(model.score.weight.mean(0, keepdim=True))
        found.score.bias.copy_(model.bias.mean(0, keepdim=True))
    return found


class ActorCriticForm:
    """A checkpoint of both: the policy as its own form has it, so that other tools open the directory, and the critic
    in `critic.safetensors` beside it."""

    def __init__(self, policy: Form) -> None:
        self._policy = policy

    def names(self, model: nn.Module) -> list[str]:
        """What the policy's form keeps, and all of the critic."""
        assert isinstance(model, ActorCritic)
        own = [_POLICY + name for name in self._policy.names(model.policy)]
        return own + [_CRITIC + name for name in model.critic.state_dict()]

    def save(self, weights: dict[str, Tensor], directory: Path) -> None:
        """Both parts."""
        self._policy.save(_part(weights, _POLICY), directory)
        save_file(_part(weights, _CRITIC), directory / CRITIC, metadata={"format": "pt"})

    def load(self, directory: Path) -> dict[str, Tensor]:
        """Both parts, bit for bit."""
        policy, critic = self._policy.load(directory), read_tensors(directory / CRITIC)
        return {_POLICY + name: value for name, value in policy.items()} | {
            _CRITIC + name: value for name, value in critic.items()
        }


def _part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
