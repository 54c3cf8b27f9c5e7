"""Advantages and losses against TRL's GRPO and RLOO trainers, on rollouts that they drew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import trl_setup
from torch import Tensor

from train.data.batch import IGNORED, PADDING, Batch
from train.losses import token_logprobs
from train.rl.advantages import grouped
from train.rl.objectives import POLICIES, PolicyLoss, weight_of

torch.set_num_threads(1)
pytestmark = pytest.mark.oracle
LONGEST = 8


def reward(completions: list[str], **_: Any) -> list[float]:
    """The number of words modulo 3."""
    return [float(len(text.split()) % 3) for text in completions]


def rollout(kind: str, tmp_path: Path, **settings: Any) -> tuple[Any, dict[str, Any], Any]:
    """A trainer of TRL with a batch of its own, and the policy at that time (ours)."""
    pytest.importorskip("transformers")
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    peer = trl_setup.model(0)
    policy = trl_setup.ours(peer, tmp_path / "policy")
    from transformers import AutoModelForCausalLM

    given = getattr(trl, f"{kind}Config")(
        output_dir=str(tmp_path / "trl"),
        use_cpu=True,
        bf16=False,
        report_to=[],
        per_device_train_batch_size=8,
        num_generations=8,
        max_completion_length=LONGEST,
        gradient_checkpointing=False,
        **settings,
    )
    made = getattr(trl, f"{kind}Trainer")(
        AutoModelForCausalLM.from_pretrained(tmp_path / "policy"),
        reward_funcs=reward,
        args=given,
        processing_class=trl_setup.tokenizer(),
        train_dataset=datasets.Dataset.from_list([{"prompt": row["prompt"]} for row in trl_setup.preferences()]),
    )
    torch.manual_seed(4)
    inputs = made._prepare_inputs(next(iter(made.get_train_dataloader())))
    return made, inputs, policy


def batch(inputs: dict[str, Tensor], policy: Any, drift: float, settings: Any) -> Batch:
    """TRL's rollouts as rows of ours, one a row; the old log-probabilities are those of the policy, moved a bit."""
    rows, before = inputs["prompt_ids"].shape
    tokens = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1).bool()
    width = tokens.shape[1]
    docs = torch.where(mask, 0, PADDING)
    labels = torch.full_like(tokens, IGNORED)
    answered = torch.zeros_like(mask)
    answered[:, before:] = inputs["completion_mask"].bool()
    labels[:, :-1] = torch.where(answered[:, 1:], tokens[:, 1:], IGNORED)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    kept = labels != IGNORED
    with torch.no_grad():
        logps = token_logprobs(policy(tokens, positions, docs), policy.head, labels)
    moved = drift * torch.sin(torch.arange(rows * width).view(rows, width) * 1.3)
    reference = torch.zeros(rows, width)
    if "ref_per_token_logps" in inputs:
        reference[:, before - 1 : -1] = inputs["ref_per_token_logps"]
    extras = {
        "old_logps": torch.where(kept, logps + moved, 0.0),
        "advantages": torch.where(kept, inputs["advantages"][:, None], 0.0),
        "ref_logps": reference,
    }
    found = Batch(tokens, labels, positions, docs, 0.0, (), extras)
    return Batch(tokens, labels, positions, docs, weight_of(found, settings.average, settings.longest), (), extras)


def shorten(inputs: dict[str, Tensor]) -> None:
    """Random weights never end an answer: cut them to lengths of 1 to 8, as if they had."""
    for row in range(len(inputs["completion_mask"])):
        inputs["completion_mask"][row, row + 1 :] = 0
    if "num_items_in_batch" in inputs:
        inputs["num_items_in_batch"] = inputs["completion_mask"].sum()


def same_gradients(policy: Any, peer: Any) -> None:
    theirs = dict(peer.named_parameters())
    for name, value in policy.named_parameters():
        grad = theirs[name].grad
        assert (value.grad - grad).norm() < 2e-5 * (1 + grad.norm()), name


@pytest.mark.parametrize("name", ["grpo", "dapo", "dr_grpo"])
@pytest.mark.parametrize(
    ("beta", "corrected", "drift"), [(0.0, False, 0.0), (0.0, False, 0.6), (0.1, False, 0.6), (0.1, True, 0.6)]
)
def test_grpo(name: str, beta: float, corrected: bool, drift: float, tmp_path: Path) -> None:
    more = {"loss_type": name, "beta": beta, "use_bias_correction_kl": corrected}
    made, inputs, policy = rollout("GRPO", tmp_path, **more)
    given = torch.tensor(
        [
            reward([text])[0]
            for text in made.processing_class.batch_decode(
                inputs["completion_ids"] * inputs["completion_mask"], skip_special_tokens=True
            )
        ]
    )
    advantages = grouped(given[None], "grpo@trl").advantages[0]
    assert torch.allclose(advantages, inputs["advantages"], atol=1e-6)
    settings = POLICIES[name].model_copy(update={"longest": LONGEST, "kl": beta, "kl_corrected": corrected})
    shorten(inputs)
    ours = batch(inputs, policy, drift, settings)
    before = inputs["prompt_ids"].shape[1]
    inputs["old_per_token_logps"] = ours.extras["old_logps"][:, before - 1 : -1]
    if beta:  # a reference that is not the policy
        inputs["ref_per_token_logps"] = inputs["ref_per_token_logps"] + 0.3
        ours.extras["ref_logps"][:, before - 1 : -1] = inputs["ref_per_token_logps"]
    wanted = made.compute_loss(made.model, inputs)
    wanted.backward()
    sums = PolicyLoss(settings)(policy, ours)
    found = sums.loss / sums.weight
    assert found.item() == pytest.approx(wanted.item(), rel=2e-5, abs=2e-6)
    found.backward()
    same_gradients(policy, made.model)
    if not drift:  # training.md 8.2
        mask, a = inputs["completion_mask"].float(), inputs["advantages"][:, None]
        identity = {
            "grpo": ((mask * -a).sum(1) / mask.sum(1)).mean(),
            "dapo": (mask * -a).sum() / mask.sum(),
            "dr_grpo": (mask * -a).sum() / (len(mask) * LONGEST),
        }[name]
        assert found.item() == pytest.approx(identity.item(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("drift", [0.0, 0.2])
def test_rloo(drift: float, tmp_path: Path) -> None:
    made, inputs, policy = rollout("RLOO", tmp_path, beta=0.0)
    given = torch.tensor(
        [
            reward([text])[0]
            for text in made.processing_class.batch_decode(
                inputs["completion_ids"] * inputs["completion_mask"], skip_special_tokens=True
            )
        ]
    )
    assert torch.allclose(grouped(given[None], "rloo").advantages[0], inputs["advantages"], atol=1e-6)
    settings = POLICIES["rloo@trl"]
    if drift:
        shorten(inputs)
    ours = batch(inputs, policy, drift, settings)
    before = inputs["prompt_ids"].shape[1]
    old = ours.extras["old_logps"][:, before - 1 : -1]
    if not drift:  # theirs is the policy itself
        assert torch.allclose(inputs["old_logps"], old.sum(1), atol=1e-4)
    inputs["old_logps"] = old.sum(1)
    wanted = made.compute_loss(made.model, inputs)
    wanted.backward()
    sums = PolicyLoss(settings)(policy, ours)
    found = sums.loss / sums.weight
    assert found.item() == pytest.approx(wanted.item(), rel=2e-5, abs=2e-6)
    found.backward()
    same_gradients(policy, made.model)
