"""What policy and critic optimise: pure functions of tensors, and the objectives that call them with a model.

A batch holds whole conversations in packed rows; the labels are the tokens of the responses. Its extras are
[rows, width], each value where the label is that it belongs to:

    old_logps      log-probabilities when the response was sampled
    advantages
    ref_logps      of the reference, where KL is in the loss or is to be reported
    old_values, returns    for the critic
    fresh          bool [1]: these are the very weights that sampled; ratio 1, KL 0 and no clipping are asserted

`Batch.weight` is what the sums are divided by, so a source must give the weight of the average that its objective has:
`Weighed(source, average)` does that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from train.data.batch import IGNORED, Batch, Source
from train.losses import LanguageModel, chunk_of, entropy, token_logprobs
from train.objective import Sums
from train.rl.kl import Estimator, estimate
from train.step import Term
from workbench.recipes import Section

_ANOTHER = "the policy that is trained is not the one that sampled"
Average = Literal["tokens", "sequences", "constant", "documents"]
"""What the sum over tokens is divided by, over the whole step: `tokens`: every token alike (PPO; DAPO). `sequences`:
the mean over sequences of each one's mean over its tokens (GRPO). `constant`: sequences times `longest` (Dr. GRPO).
`documents`: the mean over sequences of each one's sum."""


class PolicySettings(Section):
    """A clipped policy objective.

    ratio: of the probabilities now and when it was sampled, of each token, of the whole sequence (RLOO of TRL), or of
    the sequence as a geometric mean over its tokens (GSPO). clip: how far below and above 1 it counts. longest: of
    `constant`, the most tokens that a response may have. kl: coefficient of the penalty in the loss. kl_corrected:
    multiply the penalty by the ratio, so that its gradient is that of the divergence itself (`KlSettings.corrected`).
    entropy: coefficient of the bonus. temperature: what responses are sampled with.
    """

    ratio: Literal["token", "sequence", "sequence_mean"] = "token"
    average: Average = "tokens"
    clip_low: PositiveFloat = 0.2
    clip_high: PositiveFloat = 0.2
    longest: PositiveInt = 1
    kl: NonNegativeFloat = 0.0
    estimator: Estimator = "k3"
    kl_corrected: bool = False
    entropy: NonNegativeFloat = 0.0
    temperature: float = 1.0


POLICIES: dict[str, PolicySettings] = {
    "ppo": PolicySettings(),
    "grpo": PolicySettings(average="sequences"),
    "dapo": PolicySettings(average="tokens"),
    "dr_grpo": PolicySettings(average="constant"),
    "rloo@trl": PolicySettings(ratio="sequence", average="sequences"),
    "gspo": PolicySettings(ratio="sequence_mean", average="sequences"),
}
"""By name: PPO (Schulman et al. 2017), GRPO (Shao et al. 2024), DAPO's token mean (Yu et al. 2025; its higher clip is
a setting), Dr. GRPO (Liu et al. 2025), TRL's RLOO, GSPO (Zheng et al. 2025)."""


class Sequences(NamedTuple):
    """The sequence of each labelled token, in the order of `labels[labels != IGNORED]`, and how many there are."""

    of_token: Tensor
    number: int

    @classmethod
    def of(cls, batch: Batch) -> Sequences:
        """A sequence is a document of a row that has a label."""
        kept = batch.labels != IGNORED
        row = torch.arange(len(kept), device=kept.device)[:, None]
        numbers = (row * (kept.shape[1] + 1) + batch.docs)[kept]
        found, inverse = torch.unique(numbers, return_inverse=True)
        return cls(inverse, len(found))

    def sums(self, values: Tensor) -> Tensor:
        """[tokens] -> [sequences]."""
        return values.new_zeros(self.number).index_add(0, self.of_token, values)

    def lengths(self) -> Tensor:
        """Tokens of each sequence."""
        return torch.bincount(self.of_token, minlength=self.number)


def weight_of(batch: Batch, average: Average, longest: int = 1) -> float:
    """What this batch adds to the divisor of a step."""
    if average == "tokens":
        return float((batch.labels != IGNORED).sum())
    number = Sequences.of(batch).number
    return float(number * longest if average == "constant" else number)


def total(losses: Tensor, sequences: Sequences, average: Average) -> Tensor:
    """The sum of losses [tokens] that is divided by the weights of `weight_of`."""
    if average == "sequences":
        losses = losses / sequences.lengths()[sequences.of_token]
    return losses.sum()


class Weighed:
    """A source whose batches weigh what an average divides by."""

    def __init__(self, source: Source, average: Average, longest: int = 1) -> None:
        self._source, self._average, self._longest = source, average, longest

    def batches(self, step: int, rank: int, world: int) -> list[Batch]:
        """The batches of the source, with other weights."""
        found = self._source.batches(step, rank, world)
        return [replace(batch, weight=weight_of(batch, self._average, self._longest)) for batch in found]

    def over(self, source: Source) -> Weighed:
        """Another source with the same weights."""
        return Weighed(source, self._average, self._longest)

    def seen(self, steps: int) -> dict[str, dict[str, float]]:
        """As the source has it."""
        return self._source.seen(steps)


def policy_losses(ratio: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    """max(-A ratio, -A clip(ratio, 1 - low, 1 + high)), element by element (Schulman et al. 2017, eq. 7)."""
    return torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - low, 1 + high))


def value_losses(values: Tensor, old: Tensor, returns: Tensor, clip: float) -> Tensor:
    """max((v - R)^2, (clip(v, old - c, old + c) - R)^2) / 2, element by element (lm-human-preferences)."""
    near = torch.maximum(torch.minimum(values, old + clip), old - clip)
    return torch.maximum((values - returns).square(), (near - returns).square()) / 2


def policy_ratio(logps: Tensor, old: Tensor, sequences: Sequences, level: str) -> Tensor:
    """[tokens]: by how much likelier a token (its whole sequence) is than when it was sampled."""
    d = logps - old
    if level == "token":
        return d.exp()
    whole = sequences.sums(d)
    if level == "sequence_mean":
        whole = whole / sequences.lengths()
    return whole.exp()[sequences.of_token]


class PolicyLoss:
    """The objective of a policy: clipped ratio times advantage, with KL and entropy in the loss where asked."""

    def __init__(self, settings: PolicySettings) -> None:
        self.settings = settings

    def weight(self, batch: Batch) -> float:
        """The weight that a batch of this objective must have."""
        return weight_of(batch, self.settings.average, self.settings.longest)

    @torch.compiler.disable
    def __call__(self, model: nn.Module, batch: Batch) -> Sums:
        """The sums of one micro-batch, and `ratio`, `approx_kl`, `clip_fraction`, `entropy`, with ref_logps `kl`."""
        s, kept = self.settings, batch.labels != IGNORED
        hidden = model(batch.tokens, batch.positions, batch.docs)[kept]
        head: Tensor = model.head  # type: ignore[assignment]
        logps = token_logprobs(hidden, head, batch.labels[kept], s.temperature)
        old, advantages = batch.extras["old_logps"][kept], batch.extras["advantages"][kept]
        sequences = Sequences.of(batch)
        ratio = policy_ratio(logps, old, sequences, s.ratio)
        losses = policy_losses(ratio, advantages, s.clip_low, s.clip_high)
        weight, tokens = self.weight(batch), float(len(logps))
        metrics: dict[str, tuple[Tensor | float, float]] = {}
        with torch.no_grad():
            metrics["policy_loss"] = (total(losses, sequences, s.average), weight)
            clipped = (ratio < 1 - s.clip_low) & (advantages < 0) | (ratio > 1 + s.clip_high) & (advantages > 0)
            metrics["ratio"] = (ratio.sum(), tokens)
            metrics["approx_kl"] = ((logps - old).square().sum() / 2, tokens)
            metrics["clip_fraction"] = (clipped.sum(), tokens)
            if bool(batch.extras.get("fresh", torch.zeros(1)).any()):
                assert_fresh(logps, old, int(clipped.sum()))
        if "ref_logps" in batch.extras:
            reference = batch.extras["ref_logps"][kept]
            metrics["kl"] = ((logps - reference).sum().detach(), tokens)
            if s.kl:
                penalty = estimate(logps, reference, s.estimator)
                losses = losses + s.kl * (penalty * ratio if s.kl_corrected else penalty)
        if s.entropy:
            spread = entropy_with_gradient(hidden, head, s.temperature)
            losses = losses - s.entropy * spread
        else:
            spread = entropy(hidden, head, s.temperature)
        metrics["entropy"] = (spread.sum().detach(), tokens)
        return Sums(total(losses, sequences, s.average), weight, metrics)


def assert_fresh(logps: Tensor, old: Tensor, clipped: int) -> None:
    """The invariants of the first update after sampling: ratio 1, approximate KL 0, nothing clipped.

    logps, old: log-probabilities of the tokens now, and when they were sampled. In fp32 every one is the same to 1e-4,
    the rounding of another packing. Under autocast single tokens, and whole sequences by their sum, may be off by more
    than a clip: there the mean difference, of what is below -1 relative to it, is at most 0.05. Raises RuntimeError:
    whoever made the batch used other weights, another temperature or another alignment than the trainer.
    """
    if not len(logps):
        return
    difference = (logps - old).abs()
    if torch.is_autocast_enabled(logps.device.type):
        off = float((difference / old.abs().clamp(min=1)).mean())
        if not off <= 0.05:
            raise RuntimeError(f"{_ANOTHER}: log-probabilities are off by {off:.3g} on average")
        return
    off = float(difference.max())
    if not off <= 1e-4 or clipped:
        raise RuntimeError(
            f"{_ANOTHER}: a log-probability is off by {off:.3g} and {clipped} tokens are clipped before the first"
            " update"
        )


class ValueLoss:
    """The objective of a critic: the clipped squared distance of its values to the returns, over tokens."""

    def __init__(self, clip: float = 0.2) -> None:
        self.clip = clip

    def __call__(self, model: nn.Module, batch: Batch) -> Sums:
        """The sums of one micro-batch over its labels; the metrics are means over tokens."""
        kept = batch.labels != IGNORED
        values = model.critic(batch.tokens, batch.positions, batch.docs)[kept]  # type: ignore[operator]
        old, returns = batch.extras["old_values"][kept], batch.extras["returns"][kept]
        losses = value_losses(values, old, returns, self.clip)
        tokens = float(len(values))
        metrics = {
            "value_loss": (losses.sum().detach(), tokens),
            "value": (values.sum().detach(), tokens),
            "return": (returns.sum(), tokens),
            "value_clip_fraction": (((values - old).abs() > self.clip).sum(), tokens),
        }
        return Sums(losses.sum(), weight_of(batch, "tokens"), metrics)


class SequenceModel:
    """The summed negative log-likelihood of whole documents: -log pi(x) as InstructGPT's equation 2 has it."""

    def __init__(self) -> None:
        self._tokens = LanguageModel()

    def __call__(self, model: nn.Module, batch: Batch) -> Sums:
        """The sum over tokens; the weight is the number of documents (pieces, where they were cut)."""
        found = self._tokens(model, batch)
        return Sums(found.loss, weight_of(batch, "documents"), found.metrics)


def ptx(source: Source, gamma: float, average: Literal["mean", "sequence"] = "mean") -> Term:
    """The pretraining gradient of PPO-ptx (InstructGPT, eq. 2; gamma 27.8): a second term of the same Adam step.

    mean: gamma times the mean over tokens, as all public code has it. sequence: gamma times the mean over documents of
    the sum over their tokens, as the equation says: it is larger by the mean length of a document.
    """
    if average == "mean":
        return Term(LanguageModel(), source, gamma, "ptx")
    return Term(SequenceModel(), Weighed(source, "documents"), gamma, "ptx")


def entropy_with_gradient(hidden: Tensor, head: Tensor, temperature: float = 1.0) -> Tensor:
    """fp32 entropy [tokens] in nats, chunk by chunk; the backward pass makes each chunk's logits again."""

    def of_chunk(part: Tensor, head: Tensor) -> Tensor:
        logs = torch.log_softmax((part @ head.t()).float() / temperature, -1)
        return -(logs.exp() * logs).sum(-1)

    parts = [checkpoint(of_chunk, part, head, use_reentrant=False) for part in hidden.split(chunk_of(head))]
    return torch.cat(parts) if parts else hidden.new_zeros(0)
