"""PPO's losses by hand, the identities of the averages at ratio 1, packing, and a second term that counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_training import LLAMA, VOCABULARY, WIDTH, Rows, digest
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.batch import IGNORED, PADDING, Batch
from train.loop import LoopSettings, Trainer
from train.losses import token_logprobs
from train.model.build import build
from train.objective import Sums
from train.rl.critic import ActorCritic, critic_from_policy
from train.rl.objectives import (
    POLICIES,
    PolicyLoss,
    SequenceModel,
    Sequences,
    ValueLoss,
    Weighed,
    assert_fresh,
    entropy_with_gradient,
    policy_losses,
    policy_ratio,
    ptx,
    total,
    value_losses,
    weight_of,
)
from train.stages.settings import Pg
from train.step import Term

torch.set_num_threads(1)
PROMPT = 3
LENGTHS = (5, 2, 7, 4)


def model() -> nn.Module:
    return build(LLAMA, seed=3)


def batch(rows: list[list[int]], scale: float = 1.0, fresh: bool = False) -> Batch:
    """Sequences of a prompt of three tokens and LENGTHS more, by rows; old log-probabilities a bit off the policy's."""
    width = max(sum(PROMPT + LENGTHS[each] for each in row) for row in rows)
    tokens, positions = (torch.zeros(len(rows), width, dtype=torch.int64) for _ in range(2))
    labels, docs = torch.full((len(rows), width), IGNORED), torch.full((len(rows), width), PADDING)
    numbers = torch.full((len(rows), width), -1)
    for line, row in enumerate(rows):
        begin = 0
        for doc, each in enumerate(row):
            size = PROMPT + LENGTHS[each]
            ids = torch.randint(0, VOCABULARY, (size,), generator=torch.Generator().manual_seed(each))
            part = slice(begin, begin + size)
            tokens[line, part], positions[line, part], docs[line, part] = ids, torch.arange(size), doc
            labels[line, begin + PROMPT - 1 : part.stop - 1] = ids[PROMPT:]
            numbers[line, begin + PROMPT - 1 : part.stop - 1] = torch.arange(LENGTHS[each]) + 10 * each
            begin = part.stop
    kept = labels != IGNORED
    policy = model()
    with torch.no_grad():
        logps = token_logprobs(policy(tokens, positions, docs), policy.head, labels)  # type: ignore[arg-type]
    extras = {
        "old_logps": torch.where(kept, logps + scale * 0.3 * torch.sin(numbers * 1.7), 0.0),
        "ref_logps": torch.where(kept, logps + 0.2 * torch.cos(numbers * 2.3), 0.0),
        "advantages": torch.where(kept, torch.cos((numbers // 10) * 3.0), 0.0),
        "old_values": torch.where(kept, 0.1 * torch.sin(numbers * 0.7), 0.0),
        "returns": torch.where(kept, torch.cos(numbers * 0.9), 0.0),
    }
    if fresh:
        extras["fresh"] = torch.ones(1)
    return Batch(tokens, labels, positions, docs, float(kept.sum()), ("row",) * len(rows), extras)


ROWS = [[0, 1], [2], [3]]


def test_policy_loss_by_hand() -> None:
    """max(-A r, -A clip(r, 0.8, 1.2)): only a ratio that goes too far the right way is cut."""
    ratio = torch.tensor([1.5, 0.5, 1.5, 0.5, 1.0])
    advantage = torch.tensor([1.0, 1.0, -1.0, -1.0, 2.0])
    wanted = [-1.2, -0.5, 1.5, 0.8, -2.0]
    assert policy_losses(ratio, advantage, 0.2, 0.2).tolist() == pytest.approx(wanted)
    higher = policy_losses(ratio, advantage, 0.2, 0.28)  # DAPO's clip
    assert higher.tolist() == pytest.approx([-1.28, -0.5, 1.5, 0.8, -2.0])


def test_value_loss_by_hand() -> None:
    """v = 1, R = 0: near 0.9 nothing is cut; old 0.5 cuts to 0.7, and the larger error counts."""
    values, old = torch.tensor([1.0, 1.0, 0.0]), torch.tensor([0.9, 0.5, 0.5])
    returns = torch.tensor([0.0, 0.0, 0.0])
    assert value_losses(values, old, returns, 0.2).tolist() == pytest.approx([0.5, 0.5, 0.5 * 0.3**2])


def plain(found: Batch, policy: nn.Module) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Of each sequence its log-probabilities, old ones, reference's and advantage, from a forward pass of its own."""
    result = []
    for line in range(len(found.tokens)):
        for doc in range(int(found.docs[line].max()) + 1):
            here = found.docs[line] == doc
            tokens, labels = found.tokens[line, here], found.labels[line, here]
            logs = torch.log_softmax(policy(tokens[None])[0] @ policy.head.T, -1)  # type: ignore[operator,union-attr]
            kept = labels != IGNORED
            logps = logs[kept].gather(1, labels[kept][:, None])[:, 0]
            old, reference, advantage = (
                found.extras[name][line, here][kept] for name in ("old_logps", "ref_logps", "advantages")
            )
            result.append((logps, old, reference, advantage))
    return result


@pytest.mark.parametrize("name", sorted(POLICIES))
@pytest.mark.parametrize("kl", [0.0, 0.3])
def test_named_policies_from_the_formulas(name: str, kl: float) -> None:
    settings = POLICIES[name].model_copy(update={"longest": 8, "kl": kl})
    policy, found = model(), batch(ROWS)
    sums = PolicyLoss(settings)(policy, found)
    each, lengths = [], []
    for logps, old, reference, advantage in plain(found, policy):
        d = logps - old
        ratio = {
            "token": d.exp(),
            "sequence": d.sum().exp().expand_as(d),
            "sequence_mean": d.mean().exp().expand_as(d),
        }[settings.ratio]
        loss = torch.maximum(-advantage * ratio, -advantage * ratio.clamp(0.8, 1.2))
        gap = reference - logps
        each.append(loss + kl * (gap.exp() - gap - 1))
        lengths.append(len(d))
    wanted = {
        "tokens": torch.cat(each).mean(),
        "sequences": torch.stack([one.mean() for one in each]).mean(),
        "constant": torch.cat(each).sum() / (len(each) * 8),
    }[settings.average]
    assert (sums.loss / sums.weight).item() == pytest.approx(wanted.item(), rel=1e-5)
    weights = list(policy.parameters())
    gradients = [torch.autograd.grad(loss, weights) for loss in (sums.loss / sums.weight, wanted)]
    for ours, theirs in zip(*gradients, strict=True):
        assert torch.allclose(ours, theirs, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("grpo", lambda a, n: -sum(a) / 4),
        ("dapo", lambda a, n: -sum(x * y for x, y in zip(a, n, strict=True)) / sum(n)),
        ("dr_grpo", lambda a, n: -sum(x * y for x, y in zip(a, n, strict=True)) / (4 * 8)),
        ("rloo@trl", lambda a, n: -sum(a) / 4),
        ("ppo", lambda a, n: -sum(x * y for x, y in zip(a, n, strict=True)) / sum(n)),
    ],
)
def test_identities_at_ratio_1(name: str, wanted: Any) -> None:
    """training.md 8.2: without KL and before the first update the loss is an average of -A."""
    settings = POLICIES[name].model_copy(update={"longest": 8})
    sums = PolicyLoss(settings)(model(), batch(ROWS, scale=0.0, fresh=True))
    advantages = [torch.cos(torch.tensor(each * 3.0)).item() for each in range(4)]
    assert (sums.loss / sums.weight).item() == pytest.approx(wanted(advantages, list(LENGTHS)), rel=1e-5)
    for metric, value in [("ratio", 1.0), ("approx_kl", 0.0), ("clip_fraction", 0.0)]:
        total_, weight = sums.metrics[metric]
        assert float(total_) / weight == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_packing_and_micro_batches_change_nothing(name: str) -> None:
    objective = PolicyLoss(POLICIES[name].model_copy(update={"longest": 8}))
    policy = model()
    found: list[tuple[float, Tensor]] = []
    for layout in ([ROWS], [[[0], [1], [2], [3]]], [[[3, 2, 1, 0]]], [[[1, 3]], [[2, 0]]]):
        parts = [objective(policy, batch(rows)) for rows in layout]
        loss = torch.stack([part.loss for part in parts]).sum() / sum(part.weight for part in parts)
        gradient = torch.autograd.grad(loss, list(policy.parameters()))
        found.append((loss.item(), torch.cat([each.flatten() for each in gradient])))
    for loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0], abs=1e-6)
        assert torch.allclose(gradient, found[0][1], atol=1e-6)


def test_the_same_forward_path_gives_a_ratio_of_exactly_1() -> None:
    policy, found = model(), batch(ROWS)
    kept = found.labels != IGNORED
    with torch.no_grad():
        hidden = policy(found.tokens, found.positions, found.docs)[kept]
        old = token_logprobs(hidden, policy.head, found.labels[kept])  # type: ignore[arg-type]
    found.extras["old_logps"][kept] = old  # type: ignore[index]
    metrics = PolicyLoss(POLICIES["ppo"])(policy, found).metrics
    assert float(metrics["ratio"][0]) == metrics["ratio"][1]
    assert float(metrics["approx_kl"][0]) == float(metrics["clip_fraction"][0]) == 0.0


@pytest.mark.parametrize("what", ["other weights", "alignment"])
def test_a_policy_that_did_not_sample_is_told_before_the_first_update(what: str) -> None:
    found = batch(ROWS, scale=0.0, fresh=True)
    policy = model()
    if what == "other weights":
        with torch.no_grad():
            policy.head.mul_(1.01)  # type: ignore[operator,union-attr]
    else:
        found.extras["old_logps"].copy_(found.extras["old_logps"].roll(1, -1))
    with pytest.raises(RuntimeError, match="not the one that sampled"):
        PolicyLoss(POLICIES["ppo"])(policy, found)


def test_rounding_of_bf16_is_no_other_policy_and_other_weights_are() -> None:
    old = torch.linspace(-0.1, -12.0, 60)
    one_off = old.clone()
    one_off[-1] += 0.4  # of a token that is unlikely; whole sequences may be clipped by it
    with torch.autocast("cpu", torch.bfloat16):
        assert_fresh(one_off, old, 7)
        with pytest.raises(RuntimeError, match=r"off by 0\.3 on average"):
            assert_fresh(torch.full((4,), -0.3), torch.full((4,), -0.6), 0)
    with pytest.raises(RuntimeError, match=r"off by 0\.4"):
        assert_fresh(one_off, old, 0)
    with pytest.raises(RuntimeError, match="1 tokens are clipped"):
        assert_fresh(old, old, 1)


@pytest.mark.parametrize("field", ["clip", "clip_high"])
def test_a_clip_of_0_is_refused(field: str) -> None:
    """It would stop every token that moved at all."""
    with pytest.raises(ValueError, match="greater than 0"):
        Pg.model_validate({field: 0})


def test_temperature_divides_the_logits() -> None:
    found, policy = batch(ROWS), model()
    kept = found.labels != IGNORED
    with torch.no_grad():
        logits = (policy(found.tokens, found.positions, found.docs) @ policy.head.T)[kept] / 0.7  # type: ignore[operator,union-attr]
    found.extras["old_logps"][kept] = torch.log_softmax(logits, -1).gather(1, found.labels[kept][:, None])[:, 0]  # type: ignore[index]
    found.extras["fresh"] = torch.ones(1)  # type: ignore[index]
    PolicyLoss(POLICIES["ppo"].model_copy(update={"temperature": 0.7}))(policy, found)
    with pytest.raises(RuntimeError):
        PolicyLoss(POLICIES["ppo"])(policy, found)


def test_entropy_and_its_bonus() -> None:
    policy, found = model(), batch(ROWS)
    hidden = policy(found.tokens, found.positions, found.docs)[found.labels != IGNORED]
    logs = torch.log_softmax(hidden @ policy.head.T, -1)  # type: ignore[operator,union-attr]
    wanted = -(logs.exp() * logs).sum(-1)
    ours = entropy_with_gradient(hidden, policy.head)  # type: ignore[arg-type]
    assert torch.allclose(ours, wanted, atol=1e-6)
    pair = [torch.autograd.grad(each.sum(), policy.head, retain_graph=True)[0] for each in (ours, wanted)]  # type: ignore[arg-type]
    assert torch.allclose(*pair, atol=1e-6)
    without = PolicyLoss(POLICIES["ppo"])(policy, found)
    bonus = PolicyLoss(POLICIES["ppo"].model_copy(update={"entropy": 0.5}))(policy, found)
    assert (without.loss - bonus.loss).item() == pytest.approx(0.5 * wanted.sum().item(), rel=1e-5)
    assert float(without.metrics["entropy"][0]) == pytest.approx(wanted.sum().item(), rel=1e-5)


def test_critic_and_value_objective() -> None:
    policy = model()
    both = ActorCritic(policy, critic_from_policy(policy))
    found = batch(ROWS)
    kept = found.labels != IGNORED
    assert not both.critic(found.tokens, found.positions, found.docs).any()  # every value is 0 at first
    with torch.no_grad():
        both.critic.score.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(1))
    values = both.critic(found.tokens, found.positions, found.docs)[kept]
    old, returns = found.extras["old_values"][kept], found.extras["returns"][kept]
    wanted = torch.maximum((values - returns) ** 2, (torch.clamp(values, old - 0.2, old + 0.2) - returns) ** 2)
    sums = ValueLoss()(both, found)
    assert (sums.loss / sums.weight).item() == pytest.approx(0.5 * wanted.mean().item(), rel=1e-6)
    sums.loss.backward()
    assert all(each.grad is None for each in policy.parameters())  # the trunks are two
    assert torch.equal(
        both(found.tokens, found.positions, found.docs), policy(found.tokens, found.positions, found.docs)
    )


def language(source: Any, gamma: float, average: Any, out: Path) -> str:
    """The weights after two steps of a value term and ptx."""

    def values(model: nn.Module, rows: Batch) -> Sums:
        hidden = model(rows.tokens, rows.positions, rows.docs)
        return Sums((hidden.mean((1, 2)) - 1).square().sum(), rows.weight)

    both = [Term(values, Rows(per_row=True), 1.0, "values"), ptx(source, gamma, average)]
    settings = LoopSettings.model_validate({"steps": 2, "optim": {"lr": 1e-2, "clip": 0}})
    made = Trainer(build(LLAMA, seed=3), both, settings, out)
    made.train()
    return digest(made.model)


@pytest.mark.parametrize("average", ["mean", "sequence"])
def test_the_update_depends_on_gamma(tmp_path: Path, average: str) -> None:
    """With an optimizer step of its own, Adam would divide gamma away."""
    found = {gamma: language(Rows(), gamma, average, tmp_path / f"{gamma}") for gamma in (0.0, 1.0, 27.8)}
    assert len(set(found.values())) == 3


def test_ptx_by_tokens_and_by_documents() -> None:
    """One weighs each token, the other each document: they differ by the mean length."""
    policy, rows = build(LLAMA, seed=3), Rows().batches(0, 0, 1)[0]
    mean, whole = ptx(Rows(), 27.8), ptx(Rows(), 27.8, "sequence")
    assert mean.coefficient == whole.coefficient == 27.8
    by_document = whole.source.batches(0, 0, 1)[0]
    assert by_document.weight == 8.0
    first, second = mean.objective(policy, rows), whole.objective(policy, by_document)
    logits = policy(rows.tokens) @ policy.head.T  # type: ignore[operator,union-attr]
    each = F.cross_entropy(logits.flatten(0, 1), rows.labels.flatten(), ignore_index=IGNORED, reduction="none")
    assert (second.loss / second.weight).item() == pytest.approx(each.view(8, WIDTH).sum(1).mean().item(), rel=1e-5)
    ratio = (second.loss / second.weight) / (first.loss / first.weight)
    assert ratio.item() == pytest.approx(rows.weight / 8, rel=1e-5)
    assert second.metrics["loss"][1] == rows.weight  # still reported by token
    assert isinstance(whole.objective, SequenceModel)
    assert Weighed(Rows(), "documents").seen(1) == Rows().seen(1)


def test_sequences_of_packed_rows() -> None:
    found = batch([[0, 1], [2]])
    sequences = Sequences.of(found)
    assert sequences.number == 3
    assert sequences.lengths().tolist() == [5, 2, 7]
    assert weight_of(found, "tokens") == 14
    assert weight_of(found, "sequences") == weight_of(found, "documents") == 3
    assert weight_of(found, "constant", 10) == 30
    ones = torch.ones(14)
    assert total(ones, sequences, "sequences").item() == pytest.approx(3)
    assert total(ones, sequences, "constant").item() == 14
    d = torch.full((14,), 0.1)
    assert policy_ratio(d, torch.zeros(14), sequences, "sequence")[[0, 5, 7]].log().tolist() == pytest.approx(
        [0.5, 0.2, 0.7]
    )
