"""AdamW and Muon by their golden values, what decays, and state that goes to the disk and back."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from train.muon import Muon
from train.optim import Optimizers, OptimSettings, clip, gradient_norm
from workbench.errors import UserError

from .toys import Toy


def _fill(shape: tuple[int, ...], k: float, scale: float) -> Tensor:
    numbers = [scale * math.sin(0.7 * i + k) for i in range(math.prod(shape))]
    return torch.tensor(numbers, dtype=torch.float64).float().reshape(shape)


class _One(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 6, bias=False)
        self.layer.weight.data = _fill((6, 4), 0.1, 1.0)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            OptimSettings(lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1),
            [0.0796438530087471, 0.695932149887085, 0.9755110740661621, 0.7868902683258057],
        ),
        (
            OptimSettings(optimizer="muon", muon_lr=0.02, weight_decay=0.1),
            [0.085261270403862, 0.6931269764900208, 0.9841404557228088, 0.8088022470474243],
        ),
    ],
    ids=["adamw", "muon"],
)
def test_two_steps(settings: OptimSettings, expected: list[float]) -> None:
    model = _One()
    optimizers = Optimizers(model, settings)
    for _ in range(2):
        model.layer.weight.grad = _fill((6, 4), 0.9, 0.5)
        optimizers.step(1.0)
    assert model.layer.weight.flatten()[:4].tolist() == pytest.approx(expected, rel=1e-5)


def test_only_matrices_decay_and_muon_takes_only_hidden_ones() -> None:
    model = Toy(second_head=True)
    optimizers = Optimizers(model, OptimSettings(optimizer="muon"))
    found = {
        optimizers.names[id(value)]: (type(each).__name__, group["weight_decay"])
        for each in optimizers._made
        for group in each.param_groups
        for value in group["params"]
    }
    assert found == {
        "embed.weight": ("AdamW", 0.0),
        "layers.0.weight": ("Muon", 0.1),
        "layers.0.bias": ("AdamW", 0.0),
        "norm.weight": ("AdamW", 0.0),
        "norm.bias": ("AdamW", 0.0),
        "lm_head.weight": ("AdamW", 0.1),
        "value_head.weight": ("AdamW", 0.1),
        "value_head.bias": ("AdamW", 0.0),
    }


def test_frozen_parameters_are_left_out() -> None:
    model = Toy()
    model.embed.requires_grad_(False)
    assert "embed.weight" not in Optimizers(model, OptimSettings()).names.values()
    model.requires_grad_(False)
    with pytest.raises(UserError, match="no parameter is trained"):
        Optimizers(model, OptimSettings())


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_state_goes_on_bit_for_bit(optimizer: str) -> None:
    settings = OptimSettings.model_validate({"optimizer": optimizer})

    def steps(model: Toy, optimizers: Optimizers, first: int, last: int) -> None:
        for step in range(first, last):
            for place, value in enumerate(model.parameters()):
                value.grad = _fill(tuple(value.shape), step + place, 0.1)
            optimizers.step(1.0)

    whole, half, other = Toy(), Toy(), Toy()
    steps(whole, Optimizers(whole, settings), 0, 4)
    before = Optimizers(half, settings)
    steps(half, before, 0, 2)
    after = Optimizers(other, settings)
    other.load_state_dict(half.state_dict())
    after.load({name: value.clone() for name, value in before.state()})
    steps(other, after, 2, 4)
    assert all(torch.equal(one, two) for one, two in zip(whole.parameters(), other.parameters(), strict=True))


def test_state_of_another_model_is_refused() -> None:
    optimizers = Optimizers(Toy(), OptimSettings())
    with pytest.raises(UserError, match="belongs to no parameter"):
        optimizers.load({"other.weight/exp_avg": torch.zeros(2)})
    with pytest.raises(UserError, match=r"has the shape \[2\]"):
        optimizers.load({"norm.weight/exp_avg": torch.zeros(2)})


def test_clipping_scales_all_gradients_together() -> None:
    model = Toy()
    for value in model.parameters():
        value.grad = torch.ones_like(value)
    parameters = Optimizers(model, OptimSettings()).parameters
    norm = gradient_norm(parameters)
    assert float(norm) == pytest.approx(math.sqrt(sum(value.numel() for value in model.parameters())))
    clip(parameters, norm, 0.5)
    assert float(gradient_norm(parameters)) == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("scale", ["original", "match_rms_adamw"])
@pytest.mark.parametrize("shape", [(12, 5), (5, 12)])
def test_muon_is_that_of_torch(scale: str, shape: tuple[int, int]) -> None:
    ours, theirs = (nn.Parameter(_fill(shape, 0.3, 1.0)) for _ in range(2))
    made = [
        Muon([ours], lr=0.05, weight_decay=0.1, momentum=0.95, scale=scale),
        torch.optim.Muon([theirs], lr=0.05, weight_decay=0.1, momentum=0.95, adjust_lr_fn=scale),
    ]
    for step in range(3):
        ours.grad, theirs.grad = _fill(shape, step, 0.5), _fill(shape, step, 0.5)
        for each in made:
            each.step()
    assert torch.equal(ours, theirs)
