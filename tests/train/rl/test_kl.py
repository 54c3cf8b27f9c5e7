"""Estimators, rewards by token, and the controller, by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from train.rl.kl import Estimator, KlSettings, coefficient, estimate, token_rewards


def test_estimators() -> None:
    logps, reference = torch.tensor([-1.0, -2.0]), torch.tensor([-1.5, -1.0])
    assert estimate(logps, reference, "k1").tolist() == [0.5, -1.0]
    assert estimate(logps, reference, "k2").tolist() == [0.125, 0.5]
    wanted = [math.exp(-0.5) + 0.5 - 1, math.exp(1.0) - 1.0 - 1]
    assert estimate(logps, reference, "k3").tolist() == pytest.approx(wanted, rel=1e-6)
    assert estimate(logps, logps, "k3").tolist() == [0.0, 0.0]


def test_k1_and_k3_estimate_the_divergence_without_bias_and_k2_does_not() -> None:
    """Their expectations over all outcomes of two distributions."""
    p, q = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.3, 0.3, 0.4])
    true = (p * (p / q).log()).sum().item()
    mean = {name: (p * estimate(p.log(), q.log(), name)).sum().item() for name in ("k1", "k2", "k3")}
    assert mean["k1"] == pytest.approx(true, rel=1e-5)
    assert mean["k3"] == pytest.approx(true, rel=1e-5)
    assert abs(mean["k2"] - true) > 0.005


@pytest.mark.parametrize("name", ["k1", "k2", "k3"])
def test_gradients_of_the_estimators_in_the_loss(name: Estimator) -> None:
    """Over all outcomes of a policy that has moved since it was sampled: corrected, k1 and k3 have the gradient of the
    divergence; as they are, and at the policy that was sampled, only k2 has it, and k1 has none."""
    reference, at = torch.tensor([0.3, 0.3, 0.4]).log(), torch.tensor([0.9, 0.1, -0.5])

    def gradient(loss: Callable[[Tensor], Tensor]) -> Tensor:
        logits = at.clone().requires_grad_(True)
        return torch.autograd.grad(loss(torch.log_softmax(logits, -1)), logits)[0]

    true = gradient(lambda logps: (logps.exp() * (logps - reference)).sum())
    old = torch.tensor([0.5, 0.2, 0.3]).log()
    corrected = gradient(lambda p: (old.exp() * (p - old).exp() * estimate(p, reference, name)).sum())
    assert torch.allclose(corrected, true, atol=1e-6) == (name != "k2")
    sampled = torch.log_softmax(at, -1).exp()
    plain = gradient(lambda p: (sampled * estimate(p, reference, name)).sum())
    assert torch.allclose(plain, true, atol=1e-6) == (name == "k2")
    assert torch.allclose(plain, torch.zeros(3), atol=1e-6) == (name == "k1")


def test_adaptive_coefficient() -> None:
    """Ziegler et al. 2019: the error is clipped to a fifth, and moves by responses / horizon."""
    settings = KlSettings(coefficient=0.15, target=6.0, horizon=10_000)
    assert coefficient(settings, []) == 0.15
    assert coefficient(settings, [(6.0, 512)]) == 0.15
    assert coefficient(settings, [(60.0, 512)]) == pytest.approx(0.15 * (1 + 0.2 * 512 / 10_000))
    history = [(0.0, 512), (6.6, 256), (100.0, 512)]
    wanted = 0.15 * (1 - 0.2 * 512 / 10_000) * (1 + 0.1 * 256 / 10_000) * (1 + 0.2 * 512 / 10_000)
    assert coefficient(settings, history) == pytest.approx(wanted)
    assert coefficient(settings, iter(history)) == coefficient(settings, history)  # it has no memory of its own
    assert coefficient(KlSettings(coefficient=0.05), history) == 0.05


def test_the_score_comes_at_the_last_token() -> None:
    mask = torch.arange(4) < torch.tensor([2, 4])[:, None]
    kl = torch.tensor([[1.0, 2.0, 9.0, 9.0], [1.0, -1.0, 0.0, 2.0]])
    scores = torch.tensor([10.0, 20.0])
    at_end = token_rewards(scores, kl, mask, 0.5)
    assert at_end.tolist() == [[-0.5, 9.0, 0.0, 0.0], [-0.5, 0.5, 0.0, 19.0]]


def test_an_empty_response_cannot_be_rewarded() -> None:
    with pytest.raises(ValueError, match="no token"):
        token_rewards(torch.ones(1), torch.zeros(1, 2), torch.zeros(1, 2, dtype=torch.bool), 0.1)
