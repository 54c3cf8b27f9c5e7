"""The losses of preference optimisation, as pure functions of log-probabilities, by the names that people use.

h = (log pi(w) - log ref(w)) - (log pi(l) - log ref(l)) for a winner w and a loser l; log-probabilities are sums over
the tokens of a response, the one that ends it included.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator
from torch import Tensor
from torch.nn import functional as F

from workbench.errors import did_you_mean
from workbench.recipes import Section


class LossSettings(Section):
    """Which loss, and its constants.

    smoothing: the share of pairs that are labelled the wrong way round; for `sigmoid` that is cDPO, for `robust` and
    `exo_pair` part of their formula. gamma: the margin of SimPO. odds: lambda of ORPO. sft: coefficient of the mean
    negative log-likelihood of a winner's tokens beside the loss (Pang et al. 2024, RPO). desirable, undesirable: the
    weights of KTO. tau: the temperature of DiscoPOP's blend.
    """

    name: str = "sigmoid"
    beta: PositiveFloat = 0.1
    smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    gamma: NonNegativeFloat = 0.5
    odds: PositiveFloat = 0.1
    sft: NonNegativeFloat = 0.0
    desirable: PositiveFloat = 1.0
    undesirable: PositiveFloat = 1.0
    tau: PositiveFloat = 0.05

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        names = [*PAIR_LOSSES, KTO]
        if self.name not in names:
            raise ValueError(f"no loss '{self.name}'; {did_you_mean(self.name, names) or 'known: ' + ', '.join(names)}")
        if self.name == "exo_pair" and not self.smoothing:
            raise ValueError("exo_pair takes the logarithm of smoothing, which must be over 0 (such as 0.001)")
        if self.name == KTO and (self.smoothing or self.sft):
            raise ValueError("smoothing and sft are for pairs; kto has none")
        return self

    @property
    def has_reference(self) -> bool:
        """Whether the loss compares the policy with a reference."""
        return self.name == KTO or PAIR_LOSSES[self.name].reference


class Sides(NamedTuple):
    """One response of every pair, [pairs] each: log-probability under the policy and the reference, and its tokens."""

    logps: Tensor
    reference: Tensor
    tokens: Tensor

    @property
    def ratio(self) -> Tensor:
        """log pi - log ref."""
        return self.logps - self.reference

    @property
    def mean(self) -> Tensor:
        """log pi a token."""
        return self.logps / self.tokens

    @property
    def mean_ratio(self) -> Tensor:
        """log pi - log ref a token."""
        return self.ratio / self.tokens


PairLoss = Callable[[Sides, Sides, LossSettings], Tensor]
"""Winners, losers -> losses [pairs]."""


def sigmoid(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """-log sigmoid(beta h)."""
    return -F.logsigmoid(s.beta * (won.ratio - lost.ratio))


def robust(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """((1 - e) (-log sigmoid(beta h)) - e (-log sigmoid(-beta h))) / (1 - 2 e): unbiased under flipped labels."""
    gap = s.beta * (won.ratio - lost.ratio)
    return (s.smoothing * F.logsigmoid(-gap) - (1 - s.smoothing) * F.logsigmoid(gap)) / (1 - 2 * s.smoothing)


def ipo(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """(h - 1 / (2 beta))^2, the log-ratios as means over tokens."""
    return (won.mean_ratio - lost.mean_ratio - 1 / (2 * s.beta)).square()


def ipo_sum(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """(h - 1 / (2 beta))^2, the log-ratios as sums."""
    return (won.ratio - lost.ratio - 1 / (2 * s.beta)).square()


def hinge(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """max(0, 1 - beta h)."""
    return torch.relu(1 - s.beta * (won.ratio - lost.ratio))


def exo_pair(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """KL(softmax(beta ratios) || [1 - e, e])."""
    gap = s.beta * (won.ratio - lost.ratio)
    better, worse = F.logsigmoid(gap), F.logsigmoid(-gap)
    return better.exp() * (better - math.log1p(-s.smoothing)) + worse.exp() * (worse - math.log(s.smoothing))


def nca_pair(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """-log sigmoid(r_w) - (log sigmoid(-r_w) + log sigmoid(-r_l)) / 2, r = beta log ratio."""
    better, worse = s.beta * won.ratio, s.beta * lost.ratio
    return -F.logsigmoid(better) - F.logsigmoid(-better) / 2 - F.logsigmoid(-worse) / 2


def bco_pair(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """-log sigmoid(r_w) - log sigmoid(-r_l), r = beta log ratio; without the shift that the paper adds."""
    return -F.logsigmoid(s.beta * won.ratio) - F.logsigmoid(-s.beta * lost.ratio)


def sppo_hard(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """(ratio_w - 1 / (2 beta))^2 + (ratio_l + 1 / (2 beta))^2."""
    return (won.ratio - 0.5 / s.beta).square() + (lost.ratio + 0.5 / s.beta).square()


def apo_zero(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """1 - sigmoid(r_w) + sigmoid(r_l): winners become likelier, losers less likely."""
    return 1 - torch.sigmoid(s.beta * won.ratio) + torch.sigmoid(s.beta * lost.ratio)


def apo_down(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """sigmoid(r_w) + 1 - sigmoid(r_w - r_l): both become less likely, losers more so."""
    return torch.sigmoid(s.beta * won.ratio) + 1 - torch.sigmoid(s.beta * (won.ratio - lost.ratio))


def discopop(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """(1 - m) (-log sigmoid(beta h)) + m exp(-beta h), m = sigmoid(beta h / tau)."""
    gap = s.beta * (won.ratio - lost.ratio)
    mix = torch.sigmoid(gap / s.tau)
    return -F.logsigmoid(gap) * (1 - mix) + torch.exp(-gap) * mix


def sigmoid_norm(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """-log sigmoid(beta h), the log-ratios as means over tokens."""
    return -F.logsigmoid(s.beta * (won.mean_ratio - lost.mean_ratio))


def simpo(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """-log sigmoid(beta (log pi(w) / |w| - log pi(l) / |l|) - gamma): no reference."""
    return -F.logsigmoid(s.beta * (won.mean - lost.mean) - s.gamma)


def orpo(won: Sides, lost: Sides, s: LossSettings) -> Tensor:
    """-log pi(w) / |w| - lambda log sigmoid(log odds(w) - log odds(l)), odds = p / (1 - p), log p a mean over tokens:
    no reference. Only the winner's own tokens are in the first part (TRL trains on the prompt's, too)."""
    odds = (won.mean - lost.mean) - (_log1mexp(won.mean) - _log1mexp(lost.mean))
    return -won.mean - s.odds * F.logsigmoid(odds)


def _log1mexp(x: Tensor) -> Tensor:
    """log(1 - exp(x)) for x < 0."""
    x = x.clamp(max=-1e-6)
    return torch.where(x > -math.log(2), torch.log(-torch.expm1(x)), torch.log1p(-torch.exp(x)))


@dataclass(frozen=True)
class Loss:
    """A named loss. source: where its formula comes from. reference: whether it compares with a reference."""

    function: PairLoss
    source: str
    reference: bool = True


PAIR_LOSSES: dict[str, Loss] = {
    "sigmoid": Loss(sigmoid, "DPO, Rafailov et al. 2023; with smoothing cDPO, Mitchell 2023"),
    "robust": Loss(robust, "Chowdhury et al. 2024, robust DPO"),
    "ipo": Loss(ipo, "Azar et al. 2023, means over tokens as in TRL, confirmed there by the authors"),
    "ipo_sum": Loss(ipo_sum, "Azar et al. 2023, eq. 17, sums over tokens as in OpenRLHF"),
    "hinge": Loss(hinge, "SLiC, Zhao et al. 2023, with a reference as in Liu et al. 2023, RSO"),
    "exo_pair": Loss(exo_pair, "EXO, Ji et al. 2024, eq. 16"),
    "nca_pair": Loss(nca_pair, "NCA, Chen et al. 2024"),
    "bco_pair": Loss(bco_pair, "BCO, Jung et al. 2024, pairs as in TRL"),
    "sppo_hard": Loss(sppo_hard, "SPPO, Wu et al. 2024, eq. 4.7 with P = 1 and 0"),
    "apo_zero": Loss(apo_zero, "APO, D'Oosterlinck et al. 2024, eq. 7"),
    "apo_down": Loss(apo_down, "APO, D'Oosterlinck et al. 2024, eq. 8"),
    "discopop": Loss(discopop, "DiscoPOP, Lu et al. 2024, eq. 5"),
    "sigmoid_norm": Loss(sigmoid_norm, "length-normalised DPO, Lambert et al. 2024, Tulu 3"),
    "simpo": Loss(simpo, "SimPO, Meng et al. 2024", reference=False),
    "orpo": Loss(orpo, "ORPO, Hong et al. 2024", reference=False),
}
KTO = "kto"
"""The one loss of single responses, thumbs up or down (Ethayarajh et al. 2024)."""
_SMOOTHED_INSIDE = ("robust", "exo_pair")


def pair_losses(won: Sides, lost: Sides, settings: LossSettings, probability: Tensor | None = None) -> Tensor:
    """fp32 [pairs]. probability: that the winner is the better one, as raters who disagree say; the loss is then
    p loss(w, l) + (1 - p) loss(l, w), as cDPO has it for the share 1 - p of wrong labels."""
    function = PAIR_LOSSES[settings.name].function
    found = function(won, lost, settings)
    sure = torch.ones_like(found) if probability is None else probability
    if settings.smoothing and settings.name not in _SMOOTHED_INSIDE:
        sure = sure * (1 - settings.smoothing) + (1 - sure) * settings.smoothing
    if bool((sure < 1).any()):
        found = sure * found + torch.where(sure < 1, (1 - sure) * function(lost, won, settings), 0.0)
    return found - settings.sft * won.mean if settings.sft else found


def kto_losses(ratio: Tensor, wanted: Tensor, kl: Tensor, settings: LossSettings) -> Tensor:
    """[responses]: desirable (1 - sigmoid(beta (ratio - z))) for thumbs up, undesirable (1 - sigmoid(beta (z - ratio)))
    for thumbs down, and between them for a share of thumbs up; z = kl without a gradient, not below 0.

    ratio: log pi - log ref of each response. kl: the mean log-ratio of responses to other prompts.
    """
    z = kl.detach().clamp(min=0)
    up = settings.desirable * (1 - torch.sigmoid(settings.beta * (ratio - z)))
    down = settings.undesirable * (1 - torch.sigmoid(settings.beta * (z - ratio)))
    return wanted * up + (1 - wanted) * down
