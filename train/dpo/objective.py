"""What preference optimisation learns, as objectives of the loop.

A batch is one of `train.preferences.rows`, and has beside its extras `reference`, float [S]: the log-probability of
each response under the reference (absent for losses without one and where adapters are turned off for it), and, in
the first step of a policy that is the reference, `fresh`: the start invariant is then asserted.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.data.batch import IGNORED, Batch
from train.dpo.losses import LossSettings, Sides, kto_losses, pair_losses
from train.lora import adapters, adapters_off
from train.losses import token_logprobs
from train.objective import Sums


def response_logprobs(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """fp32 log-probabilities of all responses of a batch [S], summed over their tokens, and how many these are [S]."""
    kept = batch.labels != IGNORED
    hidden = model(batch.tokens, batch.positions, batch.docs)[kept]
    logps = token_logprobs(hidden, model.head, batch.labels[kept])
    responses = len(batch.extras["responses"])
    place = batch.extras["sequence"][kept]
    sums = logps.new_zeros(responses).index_add(0, place, logps)
    return sums, torch.bincount(place, minlength=responses)


def reference_logprobs(model: nn.Module, batch: Batch) -> Tensor:
    """The reference's log-probabilities [S]: those that the batch brings, or of the model without its adapters.

    Raises RuntimeError where there is neither: the policy would be compared with itself and never learn.
    """
    if "reference" in batch.extras:
        return batch.extras["reference"]
    if next(adapters(model), None) is None:
        raise RuntimeError("the batch brings no reference, and the model has no adapters to turn off")
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), adapters_off(model):
            return response_logprobs(model, batch)[0]
    finally:
        model.train(was_training)


class PairPreference:
    """The objective of losses of pairs: of each prompt the mean over its pairs, of all prompts the mean."""

    def __init__(self, settings: LossSettings) -> None:
        self.settings = settings

    @torch.compiler.disable
    def __call__(self, model: nn.Module, batch: Batch) -> Sums:
        """The sums of one micro-batch. `accuracy`: pairs whose winner has the higher reward (beta times the log-ratio;
        without a reference the log-probability a token); `likelier`: pairs whose winner has the higher probability, and
        `likelier_mean` a token."""
        s, extras = self.settings, batch.extras
        logps, tokens = response_logprobs(model, batch)
        reference = reference_logprobs(model, batch) if s.has_reference else torch.zeros_like(logps)
        winners, losers = extras["pairs"].unbind(-1)
        won, lost = (Sides(logps[side], reference[side], tokens[side]) for side in (winners, losers))
        losses = pair_losses(won, lost, s, extras["probability"])
        with torch.no_grad():
            if bool(extras.get("fresh", torch.zeros(1)).any()) and s.has_reference:
                assert_start(logps, reference)
            better, worse = (s.beta * (side.ratio if s.has_reference else side.mean) for side in (won, lost))
            pairs = float(len(losses))
            metrics: dict[str, tuple[Tensor | float, float]] = {
                "pair_loss": (losses.sum(), pairs),
                "reward_chosen": (better.sum(), pairs),
                "reward_rejected": (worse.sum(), pairs),
                "margin": ((better - worse).sum(), pairs),
                "accuracy": (_right(better, worse).sum(), pairs),
                "likelier": (_right(won.logps, lost.logps).sum(), pairs),
                "likelier_mean": (_right(won.mean, lost.mean).sum(), pairs),
                "logps_chosen": (won.logps.sum(), pairs),
                "logps_rejected": (lost.logps.sum(), pairs),
            }
        return Sums((losses * extras["share"]).sum(), batch.weight, metrics)


class SinglePreference:
    """The objective of KTO: responses with a thumb, beside responses to other prompts, whose log-ratio is the KL.

    Of a batch's responses those without a thumb (`wanted` is NaN) are the others; the KL is their mean over one
    micro-batch (as in TRL), so it has less noise in larger ones.
    """

    def __init__(self, settings: LossSettings) -> None:
        self.settings = settings

    @torch.compiler.disable
    def __call__(self, model: nn.Module, batch: Batch) -> Sums:
        """The sums of one micro-batch; `accuracy`: thumbs up with a reward over that of the KL, thumbs down below."""
        s, wanted = self.settings, batch.extras["wanted"]
        logps, _ = response_logprobs(model, batch)
        reference = reference_logprobs(model, batch)
        ratio, judged = logps - reference, ~torch.isnan(wanted)
        kl = ratio.detach()[~judged].mean().clamp(min=0)
        losses = kto_losses(ratio[judged], wanted[judged], kl, s)
        with torch.no_grad():
            if bool(batch.extras.get("fresh", torch.zeros(1)).any()):
                assert_start(logps, reference)
            reward, up, down = s.beta * ratio[judged], wanted[judged] > 0.5, wanted[judged] < 0.5
            over = reward - s.beta * kl
            metrics: dict[str, tuple[Tensor | float, float]] = {
                "reward_chosen": (reward[up].sum(), float(up.sum())),
                "reward_rejected": (reward[down].sum(), float(down.sum())),
                "accuracy": (_right(over[up], 0).sum() + _right(-over[down], 0).sum(), float(up.sum() + down.sum())),
                "kl": (kl * len(losses), float(len(losses))),
            }
        return Sums(losses.sum(), batch.weight, metrics)


def assert_start(logps: Tensor, reference: Tensor) -> None:
    """The start invariant: a policy that is the reference gives every response the probability that the reference
    gives it, so that the loss of DPO is ln 2.

    It holds to the rounding of another packing: 1e-4 of a log-probability in fp32, 2e-2 under autocast. Raises
    RuntimeError otherwise: the table of the reference belongs to other weights or other data.
    """
    near = 2e-2 if torch.is_autocast_enabled(logps.device.type) else 1e-4
    off = ((logps - reference).abs() / (1 + reference.abs())).max()
    if not bool(off <= near):
        raise RuntimeError(f"the policy is not yet trained and differs from its reference by {float(off):.3g}")


def _right(better: Tensor, worse: Tensor | float) -> Tensor:
    """1 where the first is larger, 1/2 where they are equal."""
    return (better > worse).float() + 0.5 * (better == worse).float()
