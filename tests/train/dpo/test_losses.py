"""The losses by hand, and what all of them have in common."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from train.dpo.losses import KTO, PAIR_LOSSES, LossSettings, Sides, kto_losses, pair_losses


def side(logps: float, reference: float, tokens: int = 4) -> Sides:
    return Sides(torch.tensor([logps], dtype=torch.float64), torch.tensor([reference]), torch.tensor([tokens]))


def found(name: str, won: Sides, lost: Sides, probability: float | None = None, **settings: float) -> float:
    soft = None if probability is None else torch.tensor([probability])
    return pair_losses(won, lost, LossSettings(name=name, **settings), soft).item()


def logsigmoid(x: float) -> float:
    return -math.log(1 + math.exp(-x))


WON, LOST = side(-10.0, -14.0, 4), side(-20.0, -18.0, 5)  # log-ratios 4 and -2, h = 6


@pytest.mark.parametrize(
    ("name", "settings", "wanted"),
    [
        ("sigmoid", {}, -logsigmoid(0.6)),
        ("sigmoid", {"beta": 0.5}, -logsigmoid(3.0)),
        ("sigmoid", {"smoothing": 0.1}, -0.9 * logsigmoid(0.6) - 0.1 * logsigmoid(-0.6)),
        ("robust", {"smoothing": 0.1}, (-0.9 * logsigmoid(0.6) + 0.1 * logsigmoid(-0.6)) / 0.8),
        ("ipo", {}, (1.0 + 0.4 - 5) ** 2),
        ("ipo_sum", {}, (6 - 5) ** 2),
        ("hinge", {}, 0.4),
        ("hinge", {"beta": 1.0}, 0.0),
        ("nca_pair", {}, -logsigmoid(0.4) - logsigmoid(-0.4) / 2 - logsigmoid(0.2) / 2),
        ("bco_pair", {}, -logsigmoid(0.4) - logsigmoid(0.2)),
        ("sppo_hard", {}, 1.0 + 9.0),
        ("apo_zero", {}, 1 - math.exp(logsigmoid(0.4)) + math.exp(logsigmoid(-0.2))),
        ("apo_down", {}, math.exp(logsigmoid(0.4)) + 1 - math.exp(logsigmoid(0.6))),
        ("sigmoid_norm", {"beta": 1.0}, -logsigmoid(1.4)),
        ("simpo", {"beta": 2.0, "gamma": 0.5}, -logsigmoid(2 * (-2.5 + 4.0) - 0.5)),
        ("sigmoid", {"sft": 0.2}, -logsigmoid(0.6) + 0.2 * 2.5),
    ],
)
def test_by_hand(name: str, settings: dict[str, float], wanted: float) -> None:
    assert found(name, WON, LOST, **settings) == pytest.approx(wanted, rel=1e-6)


def test_orpo_by_hand() -> None:
    p, q = math.exp(-2.5), math.exp(-4.0)
    odds = math.log(p / (1 - p)) - math.log(q / (1 - q))
    assert found("orpo", WON, LOST, odds=0.1) == pytest.approx(2.5 - 0.1 * logsigmoid(odds), rel=1e-6)


def test_exo_by_hand() -> None:
    q = math.exp(logsigmoid(0.6))
    wanted = q * math.log(q / 0.999) + (1 - q) * math.log((1 - q) / 0.001)
    assert found("exo_pair", WON, LOST, smoothing=0.001) == pytest.approx(wanted, rel=1e-6)


def test_discopop_by_hand() -> None:
    mix = math.exp(logsigmoid(0.6 / 0.05))
    assert found("discopop", WON, LOST) == pytest.approx(-logsigmoid(0.6) * (1 - mix) + math.exp(-0.6) * mix, rel=1e-5)


def test_ln_2_where_the_policy_is_the_reference() -> None:
    start = side(-12.3, -12.3), side(-7.0, -7.0)
    for name in ("sigmoid", "sigmoid_norm"):
        assert found(name, *start) == pytest.approx(math.log(2), rel=1e-7)
    assert found("robust", *start, smoothing=0.2) == pytest.approx(math.log(2), rel=1e-7)


@pytest.mark.parametrize("name", sorted({*PAIR_LOSSES} - {"discopop"}))  # that one rises at 0
def test_every_loss_falls_as_the_winner_gets_likelier_than_the_loser(name: str) -> None:
    """From policy = reference, one step down the gradient makes the gap of log-probabilities larger."""
    logps = torch.tensor([[-10.0], [-10.0]], requires_grad=True)
    reference, tokens = torch.full((2, 1), -10.0), torch.full((2, 1), 4)
    won, lost = (Sides(logps[each], reference[each], tokens[each]) for each in range(2))
    settings = LossSettings(name=name, smoothing=0.001 if name == "exo_pair" else 0.0)
    (slope,) = torch.autograd.grad(pair_losses(won, lost, settings).sum(), logps)
    assert slope[0] < slope[1]
    assert bool(torch.isfinite(slope).all())


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_a_soft_pair_is_between_both_orders(name: str) -> None:
    """With probability p: p times the loss of this order, 1 - p times that of the other."""
    smoothing = 0.001 if name == "exo_pair" else 0.0
    one, other = found(name, WON, LOST, smoothing=smoothing), found(name, LOST, WON, smoothing=smoothing)
    soft = found(name, WON, LOST, 0.7, smoothing=smoothing)
    assert soft == pytest.approx(0.7 * one + 0.3 * other, rel=1e-5)
    assert found(name, WON, LOST, 1.0, smoothing=smoothing) == pytest.approx(one)


def test_a_certain_pair_never_meets_the_overflow_of_the_other_order() -> None:
    won, lost = side(0.0, -9000.0), side(-9000.0, 0.0)
    assert found("discopop", won, lost, 1.0) == pytest.approx(0.0, abs=1e-6)


def test_kto_by_hand() -> None:
    ratio, wanted = torch.tensor([4.0, -2.0, 4.0]), torch.tensor([1.0, 0.0, 0.5])
    settings = LossSettings(name=KTO, desirable=1.5, undesirable=0.5)

    def sigmoid(x: float) -> float:
        return math.exp(logsigmoid(x))

    up, down = 1.5 * (1 - sigmoid(0.1 * (4 - 3))), 0.5 * (1 - sigmoid(0.1 * (3 + 2)))
    both = 0.5 * up + 0.5 * 0.5 * (1 - sigmoid(0.1 * (3 - 4)))
    kl: Tensor = torch.tensor(3.0, requires_grad=True)
    losses = kto_losses(ratio, wanted, kl, settings)
    assert losses.tolist() == pytest.approx([up, down, both])
    assert not losses.requires_grad  # nothing flows into the KL
    assert kto_losses(ratio, wanted, torch.tensor(-9.0), settings)[0].item() == pytest.approx(1.5 * (1 - sigmoid(0.4)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "sigmoud"}, "sigmoid"),
        ({"name": "exo_pair"}, "over 0"),
        ({"name": "kto", "smoothing": 0.1}, "for pairs"),
        ({"smoothing": 0.5}, "less than 0.5"),
        ({"beta": 0.0}, "greater than 0"),
    ],
)
def test_settings_that_make_no_sense(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LossSettings.model_validate(values)


def test_every_loss_names_its_source() -> None:
    assert all(", " in loss.source and any(char.isdigit() for char in loss.source) for loss in PAIR_LOSSES.values())
