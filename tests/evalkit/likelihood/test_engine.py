from __future__ import annotations

import random
from dataclasses import replace

import golden_llama
import numpy as np
import pytest
import torch
from torch import nn

from evalkit.likelihood.engine import Engine, Scored, reads
from evalkit.likelihood.plan import Sought
from train.model.build import build
from train.model.config import ModelConfig

LSTM = ModelConfig.preset(1, vocab_size=37, max_positions=64, kind="lstm")


def naive(model: nn.Module, one: Sought) -> torch.Tensor:
    """Log-probabilities [targets, vocab] from one forward pass of the sequence alone."""
    with torch.inference_mode():
        logits = golden_llama.logits(model, torch.tensor([one.ids[:-1]]))[0]
    return torch.log_softmax(logits, -1)[-one.targets :]


def requests(seed: int = 0) -> list[Sought]:
    """Shots that all share, questions that some share, choices of several lengths; some sequences twice."""
    source = random.Random(seed)

    def some(low: int, high: int) -> list[int]:
        return [source.randrange(37) for _ in range(source.randint(low, high))]

    shots, found = some(20, 20), []
    for _ in range(5):
        question = shots + some(3, 12)
        for _ in range(4):
            choice = some(1, 5)
            found.append(Sought(question + choice, len(choice)))
    found += [Sought(some(2, 60), 1) for _ in range(4)] + found[:2]
    source.shuffle(found)
    return found


def scored(model: nn.Module, sought: list[Sought], *, batch: int | None = None, moments: bool = False) -> list[Scored]:
    found = dict(Engine(reads(model), batch=batch).score(sought, moments=moments))
    return [found[number] for number in range(len(sought))]


@pytest.fixture(scope="module", params=["llama", "qk_norm", "lstm"])
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.set_num_threads(1)
    if request.param == "llama":
        return golden_llama.golden().eval()
    config = LSTM if request.param == "lstm" else replace(golden_llama.CONFIG, qk_norm=True)
    made = build(config, seed=1).eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(4 if weight.dim() > 1 else 1)
    return made


def test_answers_are_those_of_a_forward_pass_alone(model: nn.Module) -> None:
    sought = requests()
    for one, found in zip(sought, scored(model, sought), strict=True):
        logs = naive(model, one)
        targets = torch.tensor(one.ids[-one.targets :])
        np.testing.assert_allclose(found.logprobs, logs.gather(1, targets[:, None])[:, 0].numpy(), atol=1e-5, rtol=0)
        assert found.greedy.tolist() == (logs.argmax(1) == targets).tolist()


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_answers_do_not_depend_on_the_batch(model: nn.Module, batch: int) -> None:
    sought = requests()
    for one, other in zip(scored(model, sought), scored(model, sought, batch=batch), strict=True):
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-5, rtol=0)


def test_answers_do_not_depend_on_what_else_is_asked(model: nn.Module) -> None:
    sought = requests()
    for number in (0, 7, len(sought) - 1):
        alone = scored(model, [sought[number]])[0]
        np.testing.assert_allclose(scored(model, sought)[number].logprobs, alone.logprobs, atol=1e-5, rtol=0)


def test_moments_are_those_of_the_distribution(model: nn.Module) -> None:
    sought = requests()[:4]
    for one, found in zip(sought, scored(model, sought, moments=True), strict=True):
        logs = naive(model, one).double()
        mean = (logs.exp() * logs).sum(-1)
        deviation = ((logs.exp() * logs.square()).sum(-1) - mean.square()).sqrt()
        np.testing.assert_allclose(found.means, mean, rtol=1e-5)
        np.testing.assert_allclose(found.deviations, deviation, rtol=1e-5)


def test_what_is_computed_is_what_was_planned() -> None:
    engine, sought = Engine(reads(golden_llama.golden().eval())), requests()
    assert len(list(engine.score(sought))) == len(sought)
    assert engine.computed == engine.plan(sought).computed < sum(len(one.ids) - 1 for one in sought) / 2


def test_a_long_chain_in_many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.likelihood.readers._PIECE", 8)
    model, sought = golden_llama.golden().eval(), requests()
    for one, found in zip(sought, scored(model, sought), strict=True):
        chosen = naive(model, one).gather(1, torch.tensor(one.ids[-one.targets :])[:, None])[:, 0]
        np.testing.assert_allclose(found.logprobs, chosen.numpy(), atol=1e-5, rtol=0)


def test_bf16_is_near() -> None:
    model, sought = golden_llama.golden().eval(), requests()
    exact = np.concatenate([one.logprobs for one in scored(model, sought)])
    near = np.concatenate([one.logprobs for one in scored(model.to(torch.bfloat16), sought)])
    assert 0 < np.abs(exact - near).mean() < 0.2


def test_nothing_sought() -> None:
    assert list(Engine(reads(golden_llama.golden().eval())).score([])) == []
