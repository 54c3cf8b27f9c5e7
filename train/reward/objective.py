"""What a reward model learns: that the better of two responses has the higher score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import Batch
from train.objective import Sums
from train.reward.model import last_tokens


def preferred(a: Tensor, b: Tensor) -> Tensor:
    """P(a > b) by the scores of two responses to one prompt, in the shape of the scores: sigmoid(a - b) (Bradley and
    Terry 1952). For an ensemble give the scores of its heads and take the mean: the heads' own doubts then count."""
    return torch.sigmoid(a - b)


def pair_losses(
    winner: Tensor, loser: Tensor, probability: Tensor | float = 1.0, margin: Tensor | float = 0.0
) -> Tensor:
    """-log P of what the raters said, for each pair, in nats.

    winner, loser, margin: scores and by how much they should differ (Touvron et al. 2023, Llama 2, eq. 2). probability:
    that the winner is better; below 1 the loss is the cross-entropy to it.
    """
    gap = winner - loser - margin
    return -probability * F.logsigmoid(gap) - (1 - probability) * F.logsigmoid(-gap)


@dataclass(frozen=True)
class PairwiseReward:
    """The objective of `train reward`.

    Of each prompt the mean over its pairs (eq. 1 of InstructGPT; dropped ties do not count), of all prompts the mean:
    a prompt with more responses weighs no more than another. Each head of an ensemble has this loss, and they are
    averaged. margin: coefficient of the pairs' margins. centering: c of c * (winner + loser)^2 (Eisenstein et al.
    2023; TRL's `center_rewards_coefficient`).
    """

    margin: float = 0.0
    centering: float = 0.0

    def __call__(self, model: nn.Module, batch: Batch) -> Sums:
        """The sums of one micro-batch. `accuracy`: pairs whose winner has the higher score; `probability`: P(winner >
        loser); `gap`: between their scores; `score`: of all responses; `spread`: standard deviation over heads."""
        scores = response_scores(model, batch)
        winners, losers = batch.extras["pairs"].unbind(-1)
        winner, loser = scores[winners], scores[losers]
        margin = self.margin * batch.extras["margin"][:, None]
        losses = pair_losses(winner, loser, batch.extras["probability"][:, None], margin)
        if self.centering:
            losses = losses + self.centering * (winner + loser).square()
        loss = (losses.mean(-1) * batch.extras["share"]).sum()
        with torch.no_grad():
            chance = preferred(winner, loser).mean(-1)
            gap = (winner - loser).mean(-1)
            right = (gap > 0).float() + 0.5 * (gap == 0).float()
            pairs, responses = len(gap), len(scores)
            metrics: dict[str, tuple[Tensor | float, float]] = {
                "accuracy": (right.sum(), pairs),
                "probability": (chance.sum(), pairs),
                "gap": (gap.sum(), pairs),
                "score": (scores.mean(-1).sum(), responses),
            }
            if scores.shape[1] > 1:
                metrics["spread"] = (scores.std(-1).sum(), responses)
        return Sums(loss, batch.weight, metrics)


def response_scores(model: nn.Module, batch: Batch) -> Tensor:
    """fp32 scores [responses, heads] of a batch of comparisons, in the order of its `responses`."""
    found = model(batch.tokens, batch.positions, batch.docs)
    places = batch.extras["sequence"][last_tokens(batch.docs)]
    return torch.zeros_like(found).index_copy(0, places, found)
