"""From the rewards of a rollout to the advantage of every token: by comparison in a group, or with a critic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from train.rl.advantages import Whitening, gae, grouped, whiten
from train.rl.kl import KlSettings, estimate, token_rewards


class Paid(NamedTuple):
    """A rollout as credit sees it: responses of one prompt stand together, `n` of them.

    scores: float64 [rows]. logps, reference, values (None without a critic): fp32 [rows, steps], 0 outside of mask:
    bool [rows, steps], each row's tokens in one run from its first step. beta: the price of KL in the reward.
    """

    scores: Tensor
    logps: Tensor
    reference: Tensor
    values: Tensor | None
    mask: Tensor
    n: int
    beta: float


class Earned(NamedTuple):
    """advantages: fp32 [rows, steps]; returns: the same where there is a critic."""

    advantages: Tensor
    returns: Tensor | None


class Credit(Protocol):
    """How advantages are made."""

    def __call__(self, paid: Paid) -> Earned:
        """The advantages of a rollout."""
        ...


@dataclass(frozen=True)
class GroupCredit:
    """Every token of a response has the response's advantage among the n to its prompt."""

    name: str
    kl: KlSettings
    whitening: Whitening | None = None

    def __call__(self, paid: Paid) -> Earned:
        """The penalty is subtracted from the score before responses are compared. Groups of equal scores stay dead:
        what the penalties differ by is no reason to prefer one, least of all divided by its own spread."""
        scores = paid.scores.double().view(-1, paid.n)
        net = scores - _penalty(paid, self.kl).double().sum(-1).view(-1, paid.n)
        found = grouped(net, self.name).advantages
        if self.name != "reinforce":
            found = found.masked_fill((scores.amax(-1) == scores.amin(-1))[:, None], 0.0)
        found = found.view(-1, 1) * paid.mask
        return Earned(whiten(found, paid.mask, self.whitening) if self.whitening else found, None)


@dataclass(frozen=True)
class CriticCredit:
    """Generalised advantage estimation with the critic's values: the score is paid at the last token, the penalty at
    every one. Returns are those before any whitening of advantages."""

    kl: KlSettings
    gamma: float = 1.0
    lam: float = 0.95
    whitening: Whitening | None = "openai"
    whiten_rewards: bool = False

    def __call__(self, paid: Paid) -> Earned:
        """Advantages and returns of every token."""
        assert paid.values is not None, "a critic has said what it expects"
        rewards = token_rewards(paid.scores, _penalty(paid, self.kl), paid.mask, 1.0)
        if self.whiten_rewards:
            rewards = whiten(rewards, paid.mask, "reward")
        advantages, returns = gae(rewards, paid.values, paid.mask, gamma=self.gamma, lam=self.lam)
        return Earned(whiten(advantages, paid.mask, self.whitening) if self.whitening else advantages, returns)


def _penalty(paid: Paid, kl: KlSettings) -> Tensor:
    """beta times the estimate of every token, where the penalty is a part of the reward."""
    if kl.where == "loss":
        return torch.zeros_like(paid.logps)
    return torch.where(paid.mask, estimate(paid.logps, paid.reference, kl.estimator) * paid.beta, 0.0)
