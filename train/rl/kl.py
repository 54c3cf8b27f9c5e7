"""How far a policy is from its reference, what that costs, and the controller that sets the price."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from workbench.recipes import Section

Estimator = Literal["k1", "k2", "k3"]
_STEP = 0.2  # the controller's error is clipped to this


class KlSettings(Section):
    """The penalty for leaving the reference.

    where: subtracted from the rewards, token by token, or added to the loss, where it has a gradient of its own: on
    average that of KL(policy || reference) for k2, that of KL(reference || policy) for k3, and nothing for k1, which is
    refused there. corrected: multiply the penalty in the loss by the ratio of the probabilities now and when it was
    sampled; for k1 and k3 its gradient is then that of KL(policy || reference), without bias (DeepSeek V3.2; the
    default of TRL 1.16).
    coefficient: beta; with a target, what beta is at first. target: nats a response that the adaptive controller
    steers to (Ziegler et al. 2019), none: beta is fixed. horizon: responses in which it may change by its own size.
    """

    estimator: Estimator = "k1"
    where: Literal["reward", "loss"] = "reward"
    coefficient: NonNegativeFloat = 0.05
    target: PositiveFloat | None = None
    horizon: PositiveInt = Field(default=10_000)
    corrected: bool = False


def estimate(logps: Tensor, reference: Tensor, name: Estimator) -> Tensor:
    """Token by token, from log-probabilities of what the policy sampled, an estimate of KL(policy || reference).

    d = log p - log ref. k1 = d: unbiased, may be negative. k2 = d^2 / 2: biased, never negative. k3 = exp(-d) + d - 1:
    unbiased, never negative (Schulman 2020, "Approximating KL divergence").
    """
    d = logps - reference
    if name == "k1":
        return d
    if name == "k2":
        return d.square() / 2
    return torch.expm1(-d) + d


def coefficient(settings: KlSettings, history: Iterable[tuple[float, int]]) -> float:
    """Beta after so many rollouts: a function of what was measured and stored, so that a resumed run has the same.

    history: of every rollout before, oldest first, the mean KL of a response (the sum over its tokens) and the number
    of responses. beta *= 1 + clip(kl / target - 1, -0.2, 0.2) * responses / horizon after each; without a target it
    stays as it is.
    """
    beta = settings.coefficient
    if settings.target is None:
        return beta
    for measured, responses in history:
        error = min(max(measured / settings.target - 1, -_STEP), _STEP)
        beta *= 1 + error * responses / settings.horizon
    return beta


def token_rewards(scores: Tensor, kl: Tensor, mask: Tensor, beta: float) -> Tensor:
    """fp32 [rows, steps]: -beta * kl at every token, and at the last one the score of the response (as OpenRLHF and
    torchtune pay it; TL;DR and TRL pay one step later).

    scores: [rows]; kl: [rows, steps]; mask: bool [rows, steps], each row's tokens in one run from its first step. A
    response without a token is a ValueError.
    """
    lengths = mask.sum(-1)
    if bool((lengths == 0).any()):
        raise ValueError("a response has no token that could be rewarded")
    found = torch.where(mask, kl.float() * -beta, 0.0)
    found.scatter_add_(1, lengths[:, None] - 1, scores.float()[:, None])
    return found
