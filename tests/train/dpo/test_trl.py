"""Every loss that TRL has too, against TRL's own trainers: value and gradients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import trl_setup

from train.dpo.losses import LossSettings, Sides, kto_losses, pair_losses
from train.dpo.objective import PairPreference, response_logprobs

torch.set_num_threads(1)
pytestmark = pytest.mark.oracle
NAMES = {
    "sigmoid": {},
    "robust": {"label_smoothing": 0.1},
    "ipo": {},
    "hinge": {},
    "exo_pair": {"label_smoothing": 1e-3},
    "nca_pair": {},
    "bco_pair": {},
    "sppo_hard": {},
    "apo_zero": {},
    "apo_down": {},
    "discopop": {},
    "sigmoid_norm": {},
}


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_that_of_trl(name: str, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    rows = trl_setup.preferences()
    policy, reference = trl_setup.model(0), trl_setup.model(1)
    settings = trl.DPOConfig(
        output_dir=str(tmp_path / "trl"),
        use_cpu=True,
        bf16=False,
        report_to=[],
        beta=0.1,
        loss_type=[name],
        per_device_train_batch_size=4,
        gradient_checkpointing=False,
        **NAMES[name],
    )
    made = trl.DPOTrainer(
        policy,
        reference,
        args=settings,
        processing_class=trl_setup.tokenizer(),
        train_dataset=datasets.Dataset.from_list(rows),
    )
    made.model.eval()
    inputs = next(iter(made.get_train_dataloader()))
    wanted = made.compute_loss(made.model, dict(inputs))
    wanted.backward()

    model, other = trl_setup.ours(policy, tmp_path / "policy"), trl_setup.ours(reference, tmp_path / "reference")
    batch = trl_setup.batch(rows)
    with torch.no_grad():
        batch = replace(batch, extras={**batch.extras, "reference": response_logprobs(other, batch)[0]})
    ours = LossSettings(name=name, smoothing=NAMES[name].get("label_smoothing", 0.0))
    sums = PairPreference(ours)(model, batch)
    found = sums.loss / sums.weight
    assert found.item() == pytest.approx(wanted.item(), rel=2e-6)
    if name == "sigmoid":
        assert found.item() == pytest.approx(0.780622124671936, rel=1e-5)
    found.backward()
    theirs = dict(policy.named_parameters())
    for key, value in model.named_parameters():
        grad = theirs[key].grad
        assert (value.grad - grad).norm() < 1e-5 * (1 + grad.norm()), key


def sides() -> tuple[Sides, Sides]:
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(3, 9, (2, 5), generator=draw)
    logps, reference = (-torch.rand(2, 5, generator=draw) * tokens * 2 for _ in range(2))
    won, lost = (Sides(logps[side], reference[side], tokens[side]) for side in range(2))
    return won, lost


def test_simpo_and_the_odds_of_orpo() -> None:
    pytest.importorskip("transformers")
    cpo = pytest.importorskip("trl.experimental.cpo")
    orpo = pytest.importorskip("trl.experimental.orpo")
    won, lost = sides()
    here = SimpleNamespace(device=torch.device("cpu"))
    peer: Any = SimpleNamespace(
        alpha=0.0, accelerator=here, loss_type="simpo", simpo_gamma=0.5, beta=2.0, label_smoothing=0.0
    )
    wanted = cpo.CPOTrainer.cpo_loss(peer, won.mean, lost.mean)[0]
    assert torch.allclose(pair_losses(won, lost, LossSettings(name="simpo", beta=2.0, gamma=0.5)), wanted)
    peer = SimpleNamespace(beta=0.1, accelerator=here)
    ratio = orpo.ORPOTrainer.odds_ratio_loss(peer, won.mean, lost.mean)[0]
    assert torch.allclose(pair_losses(won, lost, LossSettings(name="orpo", odds=0.1)), -won.mean - ratio)


def test_kto(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    rows = trl_setup.preferences()
    policy, reference = trl_setup.model(0), trl_setup.model(1)
    given = [
        {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
        for row in rows
        for side in ("chosen", "rejected")
    ]
    settings = trl.KTOConfig(
        output_dir=str(tmp_path / "trl"),
        use_cpu=True,
        bf16=False,
        report_to=[],
        beta=0.1,
        desirable_weight=1.5,
        undesirable_weight=0.5,
        per_device_train_batch_size=8,
        gradient_checkpointing=False,
    )
    made = trl.KTOTrainer(
        policy,
        reference,
        args=settings,
        processing_class=trl_setup.tokenizer(),
        train_dataset=datasets.Dataset.from_list(given),
    )
    made.model.eval()
    inputs = dict(next(iter(made.get_train_dataloader())))
    wanted = made.compute_loss(made.model, inputs)
    metrics = made._metrics["train"] if made._metrics.get("train") else made._metrics["eval"]
    kl = torch.tensor(metrics["kl"][-1])
    model, other = trl_setup.ours(policy, tmp_path / "policy"), trl_setup.ours(reference, tmp_path / "reference")
    batch = trl_setup.batch(rows)
    with torch.no_grad():
        ratio = response_logprobs(model, batch)[0] - response_logprobs(other, batch)[0]
    ours = LossSettings(name="kto", desirable=1.5, undesirable=0.5)
    found = kto_losses(ratio, torch.tensor([1.0, 0.0] * 4), kl, ours)
    assert found.mean().item() == pytest.approx(wanted.item(), rel=1e-5)
