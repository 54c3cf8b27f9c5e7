"""The model against values that transformers gave: logits, losses, gradients, frequencies, to 1e-5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_llama import CONFIG, TOKENS, golden, logits, weights

from train.losses import next_token_loss
from train.model.build import build
from train.model.config import Rope
from train.model.rope import inverse_frequencies

torch.set_num_threads(1)
GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))


def near(value: float) -> Any:
    return pytest.approx(value, rel=1e-5)


def labels(first: int = 0) -> torch.Tensor:
    """The next tokens, with the first so many tokens of a row not to be learned."""
    found = torch.full_like(TOKENS, -100)
    found[:, :-1] = TOKENS[:, 1:]
    if first:
        found[:, : first - 1] = -100
    return found


def test_logits() -> None:
    wanted, found = GOLDEN["llama"], logits(golden()).detach()
    assert found[0, 0, :5].tolist() == near(wanted["logits_0_0_first5"])
    assert found[1, 11, :5].tolist() == near(wanted["logits_1_11_first5"])
    assert found.double().sum().item() == near(wanted["logits_sum"])


def test_order_of_the_weights_is_that_of_their_names() -> None:
    assert sorted(golden().state_dict()) == GOLDEN["llama"]["param_order"]


def test_loss_and_all_gradients() -> None:
    model = golden()
    loss, count = next_token_loss(model(TOKENS), model.head, labels())
    assert count == 22
    assert (loss / count).item() == near(GOLDEN["llama"]["loss"])
    (loss / count).backward()
    found = {name: each.grad.norm().item() for name, each in model.named_parameters()}
    assert found == near(GOLDEN["llama"]["grad_norms"])


def test_loss_on_responses_only() -> None:
    model = golden()
    loss, count = next_token_loss(model(TOKENS), model.head, labels(6))
    assert count == 12
    assert (loss / count).item() == near(GOLDEN["llama"]["loss_response_only_last6"])


def test_tied_loss() -> None:
    config = CONFIG.replace(tied=True)
    model = build(config, seed=0)
    model.load_state_dict(weights({name: part.shape for name, part in model.state_dict().items()}))
    loss, count = next_token_loss(model(TOKENS), model.head, labels())
    assert (loss / count).item() == near(GOLDEN["llama_tied_loss"])


def test_packed_documents_do_not_leak_more_than_rounding() -> None:
    model, row = golden(), TOKENS[:1]
    positions = torch.tensor([[*range(5), *range(7)]])
    docs = torch.tensor([[0] * 5 + [1] * 7])
    packed = model(row, positions, docs) @ model.head.T
    alone = model(row[:, 5:]) @ model.head.T
    assert (packed[:, 5:] - alone).abs().max().item() <= GOLDEN["packing"]["leak"]


@pytest.mark.parametrize(
    "rope",
    [
        Rope("llama3", theta=500000, factor=8, low=1, high=4, original=8192),
        Rope("yarn", theta=10000, factor=4, original=2048),
        Rope("linear", theta=10000, factor=4),
    ],
    ids=lambda rope: rope.kind,
)
def test_frequencies(rope: Rope) -> None:
    found, factor = inverse_frequencies(rope, 64)
    wanted = GOLDEN["rope"][rope.kind]
    assert found[[0, 8, 16, 24, 31]].tolist() == pytest.approx(wanted["inv_freq"], rel=2e-7)
    assert factor == pytest.approx(wanted["attention_factor"], rel=2e-7)
