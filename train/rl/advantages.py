"""How good a response was beside the others (groups), how good a token was (GAE), and how both are normalised.

Every library means other numbers by the same words, so each variant has the name of its origin. Groups and GAE are
summed in float64, whitening is in fp32 as at its origins; results are fp32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Whitening = Literal["openai", "verl", "torchtune", "reward"]
_EPSILON = 1e-8


class Grouped(NamedTuple):
    """advantages: fp32 [prompts, n]. dead: bool [prompts], groups whose rewards are all the same."""

    advantages: Tensor
    dead: Tensor


def _raw(rewards: Tensor) -> Tensor:
    """REINFORCE (Williams 1992): the reward itself."""
    return rewards


def _centred(rewards: Tensor) -> Tensor:
    """r - mean of its group: REINFORCE with a baseline (OpenRLHF `reinforce_baseline`), Dr. GRPO (Liu et al. 2025)."""
    return rewards - rewards.mean(-1, keepdim=True)


def _rloo(rewards: Tensor) -> Tensor:
    """r - mean of the others (Kool et al. 2019; Ahmadian et al. 2024): the centred reward times n / (n - 1)."""
    n = rewards.shape[-1]
    return _centred(rewards) * (n / (n - 1))


def _grpo(epsilon: float, *, unbiased: bool) -> Callable[[Tensor], Tensor]:
    """(r - mean) / (std + epsilon) of its group (Shao et al. 2024, eq. in 4.1.2)."""

    def advantages(rewards: Tensor) -> Tensor:
        return _centred(rewards) / (rewards.std(-1, keepdim=True, correction=int(unbiased)) + epsilon)

    return advantages


GROUPED: dict[str, Callable[[Tensor], Tensor]] = {
    "reinforce": _raw,
    "reinforce_baseline": _centred,
    "rloo": _rloo,
    "grpo@trl": _grpo(1e-4, unbiased=True),
    "grpo@verl": _grpo(1e-6, unbiased=True),
    "grpo@openrlhf": _grpo(1e-9, unbiased=True),
    "grpo@open_instruct": _grpo(1e-8, unbiased=False),
    "dr_grpo": _centred,
}
"""By name, what becomes of the rewards [prompts, n] of n responses to one prompt (float64)."""


def grouped(rewards: Tensor, name: str) -> Grouped:
    """Advantages of n responses a prompt, by their rewards [prompts, n].

    A group whose rewards are all the same is dead: it gets exactly 0, never the rounding error of its mean divided by
    a small number; only `reinforce`, which compares with nothing, keeps its rewards. Raises ValueError for a reward
    that is no number and for a group of one where others are compared with.
    """
    if rewards.ndim != 2:
        raise ValueError(f"rewards are [prompts, n], not {list(rewards.shape)}")
    if not bool(torch.isfinite(rewards).all()):
        raise ValueError("a reward is no number")
    if name != "reinforce" and rewards.shape[1] < 2:
        raise ValueError(f"'{name}' compares responses to one prompt: it needs two or more")
    dead = rewards.amax(-1) == rewards.amin(-1)
    found = GROUPED[name](rewards.double())
    if name != "reinforce":
        found = found.masked_fill(dead[:, None], 0.0)
    return Grouped(found.float(), dead)


def gae(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float = 1.0, lam: float = 0.95
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2015): advantages and returns, fp32 [rows, steps], 0 outside.

    rewards, values: [rows, steps]; mask: bool [rows, steps], each row's tokens in one run from its first step. The
    value after the last token is 0: delta_t = r_t + gamma V_{t+1} - V_t, A_t = delta_t + gamma lam A_{t+1}. Returns
    are A + V before any whitening.
    """
    kept = mask.double()
    valued, paid = values.double() * kept, rewards.double() * kept
    advantages = torch.zeros_like(valued)
    following = torch.zeros_like(valued[:, 0])
    after = torch.zeros_like(following)
    for step in range(valued.shape[1] - 1, -1, -1):
        delta = paid[:, step] + gamma * after - valued[:, step]
        following = (delta + gamma * lam * following) * kept[:, step]
        advantages[:, step] = following
        after = valued[:, step]
    return advantages.float(), (advantages + valued).float()


def whiten(values: Tensor, mask: Tensor, name: Whitening) -> Tensor:
    """Values over all tokens of a mask brought to variance 1; fp32, 0 outside the mask.

    openai: mean 0, biased variance (lm-human-preferences, TL;DR). verl: mean 0, Bessel's variance. torchtune: Bessel's
    variance, and the mean added back, as it does to advantages by mistake. reward: biased variance, mean kept by
    design (`shift_mean=False`). All add 1e-8 to the variance. Raises ValueError when there are too few tokens.
    """
    kept = values.float()[mask]
    correction = int(name in ("verl", "torchtune"))
    if len(kept) <= correction:
        raise ValueError(f"'{name}' needs more than {correction} tokens to whiten")
    mean = kept.mean()
    white = (kept - mean) * torch.rsqrt(kept.var(correction=correction) + _EPSILON)
    if name in ("torchtune", "reward"):
        white = white + mean
    return torch.zeros_like(values, dtype=torch.float32).masked_scatter(mask, white)
