"""The objectives: any packing gives the same sums, prompts weigh alike, and the start invariant is asserted."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_training import LLAMA
from torch import nn

from train.data.batch import Batch
from train.dpo.losses import LossSettings
from train.dpo.objective import PairPreference, SinglePreference, reference_logprobs, response_logprobs
from train.dpo.thumbs import thumbs
from train.lora import LoraSettings, adapt, adapters
from train.losses import token_logprobs
from train.model.build import build
from train.preferences.rows import Responses, Sequenced, collate
from train.preferences.types import Pair
from workbench.errors import UserError

torch.set_num_threads(1)


def table(counts: tuple[int, ...] = (2, 3, 2, 2)) -> Responses:
    """Prompts of three tokens with so many responses, each better than those behind it."""
    draw = random.Random(0)
    responses = [
        [
            Sequenced([*([c + 1] * 3), *(draw.randrange(50) for _ in range(draw.randrange(2, 7)))], 3)
            for _ in range(count)
        ]
        for c, count in enumerate(counts)
    ]
    pairs = [[Pair(a, b) for a in range(count) for b in range(a + 1, count)] for count in counts]
    wanted = [[float(number == 0) for number in range(count)] for count in counts]
    return Responses([f"prompt {number}" for number in range(len(counts))], responses, pairs, wanted)


def model(seed: int = 3) -> nn.Module:
    return build(LLAMA.replace(init_std=0.2), seed=seed)


def referred(batch: Batch, other: nn.Module) -> Batch:
    with torch.no_grad():
        return replace(batch, extras={**batch.extras, "reference": response_logprobs(other, batch)[0]})


def test_log_probabilities_are_sums_over_the_response() -> None:
    made, policy = table(), model()
    batch = collate(made, np.arange(4), 64)
    logps, tokens = response_logprobs(policy, batch)
    for place, number in enumerate(batch.extras["responses"].tolist()):
        ids = torch.from_numpy(made.ids(number))
        each = token_logprobs(policy(ids[None, :-1]), policy.head, ids[None, 1:])[0]  # type: ignore[arg-type]
        assert logps[place].item() == pytest.approx(each[2:].sum().item(), abs=1e-5)
        assert tokens[place].item() == len(ids) - 3


@pytest.mark.parametrize("name", ["sigmoid", "ipo", "simpo"])
def test_packing_and_micro_batches_change_nothing(name: str) -> None:
    made, policy, other = table(), model(), model(4)
    objective = PairPreference(LossSettings(name=name))
    results = []
    for groups, width in [([[0, 1, 2, 3]], 64), ([[0, 1, 2, 3]], 9), ([[3], [1], [0, 2]], 20)]:
        parts = [objective(policy, referred(collate(made, np.array(group), width), other)) for group in groups]
        loss = torch.stack([part.loss for part in parts]).sum() / sum(part.weight for part in parts)
        gradient = torch.autograd.grad(loss, list(policy.parameters()))
        results.append((loss.item(), torch.cat([each.flatten() for each in gradient])))
    for loss, gradient in results[1:]:
        assert loss == pytest.approx(results[0][0], rel=1e-6)
        assert torch.allclose(gradient, results[0][1], atol=1e-6 * float(results[0][1].abs().max()) + 1e-6)


def test_a_prompt_with_three_pairs_weighs_no_more_than_one_with_one() -> None:
    made, policy, other = table(), model(), model(4)
    objective = PairPreference(LossSettings())
    each = [objective(policy, referred(collate(made, np.array([number]), 64), other)) for number in range(4)]
    whole = objective(policy, referred(collate(made, np.arange(4), 64), other))
    assert whole.weight == 4
    assert whole.loss.item() == pytest.approx(sum(part.loss.item() for part in each), rel=1e-5)
    assert all(part.weight == 1 for part in each)
    assert whole.metrics["accuracy"][1] == 6  # metrics count pairs


def test_metrics_of_a_policy_and_its_reference() -> None:
    made, policy = table((2, 2)), model()
    batch = referred(collate(made, np.arange(2), 64), policy)
    shift = torch.tensor([1.0, -1.0, 0.0, 3.0])  # log-ratios -1, 1, 0, -3
    batch = replace(batch, extras={**batch.extras, "reference": batch.extras["reference"] + shift})
    found = {name: float(v) / w for name, (v, w) in PairPreference(LossSettings())(policy, batch).metrics.items()}
    assert found["reward_chosen"] == pytest.approx(0.1 * -0.5, rel=1e-4)
    assert found["reward_rejected"] == pytest.approx(0.1 * -1.0, rel=1e-4)
    assert found["margin"] == pytest.approx(0.05, rel=1e-3)
    assert found["accuracy"] == 0.5
    logps = response_logprobs(policy, batch)[0]
    assert found["logps_chosen"] == pytest.approx(logps[[0, 2]].mean().item(), rel=1e-5)
    assert found["likelier"] == (logps[0] > logps[1]).add((logps[2] > logps[3]).int()).item() / 2


def test_the_start_is_ln_2_and_asserted() -> None:
    made, policy = table(), model()
    batch = referred(collate(made, np.arange(4), 64), policy)
    fresh = replace(batch, extras={**batch.extras, "fresh": torch.ones(1)})
    sums = PairPreference(LossSettings())(policy, fresh)
    assert sums.loss.item() / sums.weight == pytest.approx(math.log(2), rel=1e-6)
    stale = {**fresh.extras, "reference": fresh.extras["reference"].roll(1)}
    with pytest.raises(RuntimeError, match="differs from its reference"):
        PairPreference(LossSettings())(policy, replace(fresh, extras=stale))
    with pytest.raises(RuntimeError, match="differs from its reference"):
        PairPreference(LossSettings())(model(4), fresh)


def test_adapters_off_is_the_reference() -> None:
    made, policy = table(), model()
    base = model()
    adapt(policy, LoraSettings(r=2, dropout=0.5))
    with torch.no_grad():
        for _, part in adapters(policy):
            part.lora_B.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(1))
    policy.train()
    batch = collate(made, np.arange(4), 64)
    wanted = response_logprobs(base, batch)[0]
    assert torch.allclose(reference_logprobs(policy, batch), wanted, atol=1e-5)
    assert policy.training
    assert not torch.allclose(response_logprobs(policy, batch)[0], wanted, atol=1e-2)
    policy.eval()
    live = PairPreference(LossSettings())(policy, batch)
    stored = PairPreference(LossSettings())(policy, referred(batch, base))
    assert live.loss.item() == pytest.approx(stored.loss.item(), rel=1e-5)


def test_without_table_and_adapters_there_is_no_reference() -> None:
    with pytest.raises(RuntimeError, match="no reference"):
        PairPreference(LossSettings())(model(), collate(table(), np.arange(4), 64))


def test_thumbs_stand_beside_responses_to_other_prompts() -> None:
    made = table((2, 1, 2, 1))
    found, owners = thumbs(made, 64, seed=0)
    assert len(found) == 6
    assert owners.tolist() == [0, 0, 1, 2, 2, 3]
    for entry in range(6):
        own, other = found.ids(2 * entry).tolist(), found.ids(2 * entry + 1).tolist()
        number = int(owners[entry])
        assert own[:3] == other[:3] == [number + 1] * 3  # one prompt
        elsewhere = [
            made.ids(response).tolist()[3:]
            for comparison in range(4)
            for response in range(*made.first[comparison : comparison + 2])
            if comparison != number
        ]
        assert other[3:] in elsewhere
        assert found.wanted[2 * entry] in (0.0, 1.0)
        assert np.isnan(found.wanted[2 * entry + 1])
    with pytest.raises(UserError, match="thumb up or down"):
        thumbs(table((2,)), 64, seed=0)


def test_kto_learns_from_thumbs_and_measures_the_kl_on_others() -> None:
    made, policy, other = table((2, 1, 2, 1)), model(), model(4)
    found, owners = thumbs(made, 64, seed=0)
    batch = referred(collate(found, np.arange(len(owners)), 64), other)
    sums = SinglePreference(LossSettings(name="kto"))(policy, batch)
    ratio = response_logprobs(policy, batch)[0] - batch.extras["reference"]
    kl = ratio[1::2].mean().clamp(min=0)
    up = batch.extras["wanted"][::2] > 0.5
    wanted = torch.where(up, 1 - torch.sigmoid(0.1 * (ratio[::2] - kl)), 1 - torch.sigmoid(0.1 * (kl - ratio[::2])))
    assert sums.weight == 6
    assert sums.loss.item() == pytest.approx(wanted.sum().item(), rel=1e-5)
    fresh = replace(referred(batch, policy), extras={**referred(batch, policy).extras, "fresh": torch.ones(1)})
    start = SinglePreference(LossSettings(name="kto"))(policy, fresh)
    assert start.loss.item() / start.weight == pytest.approx(0.5, rel=1e-5)
