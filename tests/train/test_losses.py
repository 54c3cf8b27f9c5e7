"""Chunked losses equal plain ones, in value and gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from train import losses
from train.data.batch import IGNORED, Batch
from train.losses import LanguageModel, entropy, next_token_loss, token_logprobs
from train.model.build import build
from train.model.config import ModelConfig

torch.set_num_threads(1)


@pytest.fixture(autouse=True, params=[64 * 31, 1 << 23], ids=["chunks", "one chunk"])
def _chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "_LOGITS", request.param)


def inputs(scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """150 positions of 16, a head of 31, targets of which a third is left out."""
    draw = torch.Generator().manual_seed(0)
    hidden = (scale * torch.randn(3, 50, 16, generator=draw)).requires_grad_()
    head = torch.randn(31, 16, generator=draw).requires_grad_()
    targets = torch.randint(0, 31, (3, 50), generator=draw)
    targets.view(-1)[::3] = IGNORED
    return hidden, head, targets


def gradients(value: Tensor, *of: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(value, of))


def plain(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy((hidden @ head.T).flatten(0, 1), targets.flatten(), reduction="sum")


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_cross_entropy(scale: float) -> None:
    hidden, head, targets = inputs(scale)
    found, count = next_token_loss(hidden, head, targets)
    wanted = plain(hidden, head, targets)
    assert count == 100
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)
    ours, theirs = (gradients(0.7 * value, hidden, head) for value in (found, wanted))
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).abs().max().item() <= 2e-6 * other.abs().max().item()


def test_cross_entropy_of_a_frozen_head_or_trunk() -> None:
    hidden, head, targets = inputs()
    plain_value = pytest.approx(plain(hidden, head, targets).item(), rel=1e-6)
    wanted = gradients(plain(hidden, head, targets), hidden, head)
    (of_hidden,) = gradients(next_token_loss(hidden, head.detach(), targets)[0], hidden)
    (of_head,) = gradients(next_token_loss(hidden.detach(), head, targets)[0], head)
    assert torch.allclose(of_hidden, wanted[0], atol=1e-6)
    assert torch.allclose(of_head, wanted[1], atol=1e-5)
    with torch.no_grad():
        assert next_token_loss(hidden, head, targets)[0].item() == plain_value


def test_cross_entropy_in_bf16_is_near() -> None:
    hidden, head, targets = inputs()
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = next_token_loss(hidden, head, targets)
    wanted = plain(hidden, head, targets)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(wanted.item(), rel=2e-3)
    for one, other in zip(gradients(found, hidden, head), gradients(wanted, hidden, head), strict=True):
        assert one.dtype == torch.float32
        assert ((one - other).norm() / other.norm()).item() <= 0.02


def test_nothing_to_learn_is_zero() -> None:
    hidden, head, targets = inputs()
    found, count = next_token_loss(hidden, head, torch.full_like(targets, IGNORED))
    assert (found.item(), count) == (0.0, 0)
    assert all(not each.any() for each in gradients(found, hidden, head))
    assert not token_logprobs(hidden, head, torch.full_like(targets, IGNORED)).any()


def test_a_second_backward_pass_fails() -> None:
    hidden, head, targets = inputs()
    found, _ = next_token_loss(hidden, head, targets)
    found.backward(retain_graph=True)
    with pytest.raises(TypeError):
        found.backward()


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("chunk", [None, 7])
def test_token_logprobs(temperature: float, chunk: int | None) -> None:
    hidden, head, targets = inputs()
    found = token_logprobs(hidden, head, targets, temperature, chunk)
    logs = torch.log_softmax(hidden @ head.T / temperature, -1)
    wanted = torch.where(targets == IGNORED, 0.0, logs.gather(-1, targets.clamp_min(0)[..., None])[..., 0])
    assert torch.allclose(found, wanted, atol=2e-6)
    weights = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(1))
    ours, theirs = (gradients((value * weights).sum(), hidden, head) for value in (found, wanted))
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).abs().max().item() <= 2e-6 * other.abs().max().item()


def test_token_logprobs_sum_to_the_loss() -> None:
    hidden, head, targets = inputs()
    loss, _ = next_token_loss(hidden, head, targets)
    assert -token_logprobs(hidden, head, targets).sum().item() == pytest.approx(loss.item(), rel=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_entropy(temperature: float) -> None:
    hidden, head, _ = inputs()
    logs = torch.log_softmax(hidden @ head.T / temperature, -1)
    assert torch.allclose(entropy(hidden, head, temperature, 7), -(logs.exp() * logs).sum(-1), atol=1e-5)


def test_the_objective_gives_sums() -> None:
    model = build(ModelConfig.preset(1, 31), seed=0)
    tokens = torch.randint(0, 31, (2, 8), generator=torch.Generator().manual_seed(0))
    labels = torch.full_like(tokens, IGNORED)
    labels[:, 2:-1] = tokens[:, 3:]
    positions = torch.arange(8).expand(2, 8)
    batch = Batch(tokens, labels, positions, torch.zeros_like(tokens), weight=10.0)
    found = LanguageModel()(model, batch)
    logits = model(tokens) @ model.head.T
    kept = labels != IGNORED
    assert found.weight == 10.0
    assert found.loss.item() == pytest.approx(
        F.cross_entropy(logits[kept], labels[kept], reduction="sum").item(), rel=1e-6
    )
    assert {name: weight for name, (_, weight) in found.metrics.items()} == {"loss": 10, "accuracy": 10}
    assert found.metrics["accuracy"][0] == (logits[kept].argmax(-1) == labels[kept]).sum()
    assert not found.metrics["loss"][0].requires_grad


def test_no_gradient_is_made_where_none_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(losses, "_HeadGradient", lambda head: made.append(head))
    hidden, head = torch.randn(3, 4), torch.nn.Parameter(torch.randn(5, 4))
    with torch.no_grad():
        next_token_loss(hidden, head, torch.tensor([1, 2, 3]))
    assert not made
